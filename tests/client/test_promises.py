"""What the Python client promises beyond pictures: typed refusals, patience, one job a call."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from darkroom_client import (
    AsyncDarkroom,
    Control,
    Darkroom,
    DarkroomError,
    Done,
    Expand,
    Fields,
    Hires,
    IPAdapter,
    JobFailed,
    Lora,
    NoServer,
    NotAllowed,
    NotFound,
    PictureWords,
    QueueFull,
    RequestRefused,
    State,
    StillRunning,
    Trace,
    Unavailable,
    Webhook,
    Wording,
)
from redis import Redis

from darkroom.network import tls
from darkroom.supervision.redis_server import RedisServer
from jobs import devices
from jobs.records.events import Status as JobStatus
from jobs.request import request
from jobs.request.fields import parts, trace
from tests.running.addresses import free_port
from tests.running.api import Server, gunicorn
from tests.running.hand_worker import HandWorker


def later(seconds: float, *moves):
    """Make these moves in a while; the timer is joined by the test's end."""
    timer = threading.Timer(seconds, lambda: [move() for move in moves])
    timer.start()
    return timer


def message(connection: socket.socket) -> bytes:
    """A whole request or answer."""
    text = b""
    while b"\r\n\r\n" not in text:
        text += connection.recv(65536)
    head, _, body = text.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    assert length
    while len(body) < int(length[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def test_a_refusal_names_the_field_and_its_limit(darkroom: Darkroom):
    with pytest.raises(RequestRefused) as refused:
        darkroom.submit("apple", steps=500, sterps=20)  # pyright: ignore[reportCallIssue]
    by_field = {error.pointer: error.detail for error in refused.value.errors}
    assert "150" in by_field["/steps"]
    assert "/sterps" in by_field
    [wording] = [error.wording for error in refused.value.errors if error.pointer == "/steps"]
    assert wording == Wording("above", {"limit": 150, "given": "500"})
    assert by_field["/steps"] in str(refused.value)
    assert (refused.value.status, refused.value.code) == (422, "invalid-request")


def test_a_wrong_token_is_not_allowed(server: Server, worker: HandWorker):
    token = devices.PREFIX + "wrong"
    with Darkroom(server.url, token) as darkroom, pytest.raises(NotAllowed, match="token"):
        darkroom.submit("apple")


def test_what_is_not_there_is_not_found(darkroom: Darkroom):
    with pytest.raises(NotFound):
        darkroom.wait("0" * 32)
    with pytest.raises(NotFound):
        darkroom.get("../models")


def test_url_and_token_come_from_the_environment(server: Server, worker, monkeypatch):
    monkeypatch.setenv("DARKROOM_URL", server.url + "/")
    with Darkroom() as darkroom:
        assert darkroom.models()[0].default
    monkeypatch.setenv("DARKROOM_TOKEN", f"{devices.PREFIX}wrong\n")
    with Darkroom() as darkroom, pytest.raises(NotAllowed):
        darkroom.models()
    with Darkroom(token="") as darkroom:
        assert darkroom.models()


def test_where_nothing_listens_it_says_so_at_once():
    url = f"http://127.0.0.1:{free_port()}"
    began = time.monotonic()
    with Darkroom(url) as darkroom:
        with pytest.raises(NoServer, match=url):
            darkroom.submit("apple")
        with pytest.raises(NoServer, match=url):
            next(darkroom.events())
    assert time.monotonic() - began < 2
    for wrong in ("localhost:7860", "ftp://attic", "http://"):
        with pytest.raises(NoServer, match="address"):
            Darkroom(wrong)


def test_a_full_queue_is_waited_for(darkroom: Darkroom, worker: HandWorker):
    first = darkroom.submit("one")
    darkroom.submit("two")
    with Darkroom(darkroom.url, patience=0) as hasty, pytest.raises(QueueFull, match="2"):
        hasty.submit("three")
    timer = later(1, lambda: worker.run(first.id))
    third = darkroom.submit("three")
    timer.join()
    assert third.id != first.id
    assert third.input["prompt"] == "three"


def test_an_answer_that_was_lost_makes_no_second_job(server: Server, worker: HandWorker):
    host, port = "127.0.0.1", int(server.url.rpartition(":")[2])
    requests: list[bytes] = []
    with socket.create_server((host, 0)) as door:

        def serve() -> None:
            # The first answer is lost on its way back.
            for lost in (True, False):
                caller, _ = door.accept()
                with caller, socket.create_connection((host, port)) as api:
                    requests.append(message(caller))
                    api.sendall(requests[-1])
                    answer = message(api)
                    if not lost:
                        caller.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with Darkroom(f"http://{host}:{door.getsockname()[1]}") as far:
            job = far.submit("apple")
        thread.join()
    assert len(requests) == 2
    with Darkroom(server.url) as darkroom:
        assert [each.id for each in darkroom.jobs()] == [job.id]


def test_a_failed_job_says_why(darkroom: Darkroom, worker: HandWorker):
    job = darkroom.submit("apple")
    worker.begin(job.id)
    worker.fail(job.id, "out-of-memory", "The picture does not fit.")
    with pytest.raises(JobFailed, match="does not fit") as failed:
        darkroom.wait(job)
    assert failed.value.job.error
    assert failed.value.job.error.code == "out-of-memory"


def test_waiting_ends_when_it_was_said_to_and_the_job_goes_on(
    darkroom: Darkroom, worker: HandWorker
):
    job = darkroom.submit("apple")
    began = time.monotonic()
    with pytest.raises(StillRunning, match="queued") as still:
        darkroom.wait(job, timeout=1)
    assert 1 <= time.monotonic() - began < 2
    worker.run(still.value.job.id)
    assert darkroom.wait(job, timeout=5).outputs


def test_all_jobs_are_followed_and_taken_up_where_they_were(darkroom: Darkroom, worker: HandWorker):
    events = darkroom.events()
    timer = later(1, lambda: worker.run(darkroom.submit("one").id))
    seen = [next(events)]
    while not isinstance(seen[-1], Done):
        seen.append(next(events))
    timer.join()
    second = darkroom.submit("two")
    worker.run(second.id)
    missed = darkroom.events(after=seen[-1].id)
    while not isinstance(event := next(missed), Done):
        assert event.job == second.id
    assert event.job == second.id
    assert list(darkroom.events(second, after=event.id)) == []


def test_jobs_are_listed_page_by_page(
    redis: Redis, darkroom: Darkroom, worker: HandWorker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("darkroom_client.calls.PAGE", 2)
    made = []
    for number in range(5):
        made.append(darkroom.submit(f"number {number}").id)
        worker.run(made[-1])
    made.reverse()
    assert [job.id for job in darkroom.jobs()] == made
    assert [job.id for job in darkroom.jobs(limit=3)] == made[:3]
    assert [job.id for job in darkroom.jobs(limit=0)] == []
    assert [job.id for job in darkroom.jobs(status="queued")] == []
    with_two = darkroom.submit("two of it", count=2)
    _, second = worker.run(with_two.id)
    darkroom.delete(darkroom.get(with_two).outputs[0])
    assert [each.id for each in darkroom.get(with_two).outputs] == [second]
    darkroom.delete(with_two)
    darkroom.delete(made[0])
    assert [job.id for job in darkroom.jobs(status="succeeded")] == made[1:]


@pytest.mark.slow
def test_where_every_stream_is_taken_a_job_is_waited_for_all_the_same(
    redis_url: str, worker: HandWorker, data: Path
):
    with (
        gunicorn(redis_url, data, sse_clients_per_caller=1) as server,
        Darkroom(server.url, patience=1) as darkroom,
    ):
        held = darkroom.events(darkroom.submit("apple"))
        next(held)
        with pytest.raises(Unavailable, match="stream"):
            next(darkroom.events())
        job = darkroom.submit("pear")
        timer = later(2, lambda: worker.run(job.id))
        assert darkroom.wait(job, timeout=20).outputs
        timer.join()


def test_a_certificate_is_checked_by_the_authority_that_was_named(
    redis_server: RedisServer, worker: HandWorker, tmp_path: Path
):
    tls.ensure(tmp_path / "tls", ["localhost", "127.0.0.1"])
    with gunicorn(redis_server.url, tmp_path, tls="true") as server:
        with Darkroom(server.url, verify=tmp_path / "tls" / tls.AUTHORITY) as darkroom:
            assert darkroom.models()
        with Darkroom(server.url) as stranger, pytest.raises(NoServer, match="certificate"):
            stranger.models()
        context = ssl.create_default_context(cafile=tmp_path / "tls" / tls.AUTHORITY)
        with Darkroom(server.url, verify=context) as darkroom:
            assert darkroom.models()


def test_asyncio_gets_the_same_refusals(darkroom: Darkroom, worker: HandWorker, tmp_path: Path):
    async def everything() -> None:
        async with AsyncDarkroom(darkroom.url, patience=5) as there:
            with pytest.raises(RequestRefused, match="150"):
                await there.submit("apple", steps=500)
            job = await there.submit("apple")
            with pytest.raises(StillRunning):
                await there.wait(job, timeout=0.5)
            worker.run(job.id)
            done = await there.wait(job)
            saved = await there.save(done.outputs[0], tmp_path / "apple.png")
            assert saved.read_bytes().startswith(b"\x89PNG")
            await there.delete(job)
            with pytest.raises(NotFound):
                await there.get(job)
        with pytest.raises(DarkroomError):
            AsyncDarkroom("nowhere")

    asyncio.run(everything())


def test_every_method_is_there_for_asyncio_too():
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Darkroom) == public(AsyncDarkroom)


@pytest.mark.parametrize(
    ("typed", "model"),
    [
        (Fields, request.GenerationRequest),
        (Lora, parts.Lora),
        (PictureWords, parts.PictureWords),
        (Control, parts.Control),
        (IPAdapter, parts.IPAdapter),
        (Expand, parts.Expand),
        (Hires, parts.Hires),
        (Webhook, parts.Webhook),
        (Trace, trace.Trace),
    ],
)
def test_every_field_of_a_request_is_typed_and_no_other(typed: type, model):
    hints = get_type_hints(typed)
    assert {*hints} | ({"prompt"} if typed is Fields else set()) == set(model.model_fields)
    for name, hint in hints.items():
        choices = {each for each in get_args(hint) if isinstance(each, str)}
        allowed = {
            each for each in get_args(model.model_fields[name].annotation) if isinstance(each, str)
        }
        assert choices == allowed, name


def test_the_states_of_a_job_are_the_servers():
    assert get_args(State) == get_args(JobStatus)
