"""Server-sent events: what a client is told, and that it misses no end."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from jobs.records.events import (
    DoneEvent,
    PreviewEvent,
    Progress,
    ProgressEvent,
    StatusEvent,
    job_stream,
    owner_stream,
)
from server.streams import sse
from server.streams.hub import current_hub
from server.streams.subscription import MAX_LASTING, Entry, Live, Subscription
from tests.running.api import Server, gunicorn
from tests.running.clients.sse import Events, events_of
from tests.running.hand_worker import HandWorker
from tests.running.paths import API

OWNER = owner_stream("local")


def create(client: FlaskClient | httpx.Client, **fields: object) -> str:
    path = f"{API}/jobs" if isinstance(client, FlaskClient) else "jobs"
    answer: Any = client.post(path, json={"prompt": "red apple", **fields})
    assert answer.status_code == 202
    return answer.headers["Location"].rpartition("/")[2]


@contextmanager
def listening(client: httpx.Client, path: str, **headers: str) -> Iterator[Events]:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        yield Events(answer.iter_lines())


class TestJobStream:
    def test_a_finished_job_is_told_from_the_beginning_to_its_end(
        self, client: FlaskClient, worker: HandWorker
    ):
        job_id = create(client)
        worker.run(job_id)
        answer = client.get(f"{API}/jobs/{job_id}/events")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Accel-Buffering"] == "no"
        retry, *events = events_of(answer.text)
        assert retry == {"retry": "1000"}
        assert [each["event"] for each in events] == ["status", "status", "output", "done"]
        assert [each["data"].get("status") for each in events] == [
            "queued",
            "running",
            None,
            "succeeded",
        ]
        assert all(each["id"] and each["data"]["job"] == job_id for each in events)

    def test_the_end_carries_the_whole_job_and_an_output_its_url(
        self, client: FlaskClient, worker: HandWorker
    ):
        job_id = create(client)
        worker.run(job_id)
        *_, output, done = events_of(client.get(f"{API}/jobs/{job_id}/events").text)
        assert done["data"]["result"] == client.get(f"{API}/jobs/{job_id}").json
        assert client.get(output["data"]["output"]["url"]).status_code == 200

    @pytest.mark.parametrize("how", ["header", "query"])
    def test_a_client_that_comes_back_gets_what_it_missed(
        self, client: FlaskClient, worker: HandWorker, how: str
    ):
        job_id = create(client)
        worker.begin(job_id)
        with client.application.app_context():
            seen = current_hub().last_id(job_stream(job_id))
        worker.finish(job_id)
        headers = {"Last-Event-ID": seen} if how == "header" else {}
        query = f"?last_event_id={seen}" if how == "query" else ""
        answer = client.get(f"{API}/jobs/{job_id}/events{query}", headers=headers)
        events = events_of(answer.text)
        assert [each.get("event") for each in events] == [None, "output", "done"]

    def test_a_client_that_has_the_end_is_told_not_to_come_back(
        self, client: FlaskClient, worker: HandWorker
    ):
        job_id = create(client)
        worker.run(job_id)
        url = f"{API}/jobs/{job_id}/events"
        done = events_of(client.get(url).text)[-1]
        assert client.get(url, headers={"Last-Event-ID": done["id"]}).status_code == 204

    def test_the_end_is_told_after_its_stream_has_expired(
        self, client: FlaskClient, worker: HandWorker
    ):
        job_id = create(client)
        worker.run(job_id)
        worker.redis.delete(job_stream(job_id))
        url = f"{API}/jobs/{job_id}/events"
        for headers in ({}, {"Last-Event-ID": "1-0"}):
            *_, done = events_of(client.get(url, headers=headers).text)
            assert done["event"] == "done"
            assert done["data"]["status"] == "succeeded"
            assert len(done["data"]["result"]["outputs"]) == 1
        assert client.get(url, headers={"Last-Event-ID": done["id"]}).status_code == 204

    def test_a_failure_says_why(self, client: FlaskClient, worker: HandWorker):
        job_id = create(client)
        worker.begin(job_id)
        worker.fail(job_id, "worker_died", "It died.")
        *_, done = events_of(client.get(f"{API}/jobs/{job_id}/events").text)
        assert done["data"]["error"] == {"code": "worker_died", "detail": "It died."}

    @pytest.mark.parametrize("last", ["abc", "1", "-", "1-" + "9" * 20, "9" * 400, "1-1-1"])
    def test_an_id_that_is_none_begins_at_the_beginning(
        self, client: FlaskClient, worker: HandWorker, last: str
    ):
        job_id = create(client)
        worker.run(job_id)
        answer = client.get(f"{API}/jobs/{job_id}/events", headers={"Last-Event-ID": last})
        assert len(events_of(answer.text)) == 5

    def test_a_head_request_takes_no_seat(self, client: FlaskClient, worker: HandWorker):
        job_id = create(client)
        answer = client.head(f"{API}/jobs/{job_id}/events")
        assert answer.status_code == 200
        assert answer.content_type == "text/event-stream"


class TestLive:
    """Through gunicorn, while the job runs."""

    def test_events_arrive_as_they_happen(self, server: Server, worker: HandWorker):
        with server.client() as client:
            job_id = create(client)
            with listening(client, f"jobs/{job_id}/events") as events:
                stream = events.named("status", "progress", "preview", "output", "done")
                assert next(stream)["data"]["status"] == "queued"
                worker.begin(job_id)
                assert next(stream)["data"]["status"] == "running"
                with _reporting(worker, job_id):
                    seen = {next(stream)["event"]}
                    while len(seen) < 2:
                        seen.add(next(stream)["event"])
                assert seen == {"progress", "preview"}
                worker.finish(job_id)
                assert [each["event"] for each in stream][-2:] == ["output", "done"]

    def test_a_client_that_joins_sees_how_far_the_job_is(self, server: Server, worker: HandWorker):
        with server.client() as client:
            job_id = create(client)
            worker.begin(job_id)
            worker.progress(job_id, 7)
            with listening(client, f"jobs/{job_id}/events") as events:
                progress = next(events.named("progress"))
                assert progress["data"]["progress"]["step"] == 7
                assert "id" not in progress

    def test_previews_are_made_only_while_somebody_looks(self, own_redis: RedisServer, data: Path):
        redis = connect(own_redis.url)
        worker = HandWorker(redis, ImageStore(str(data / "images")))
        worker.advertise()
        with gunicorn(own_redis.url, data) as server, server.client() as client:
            job_id = create(client)
            worker.begin(job_id)
            assert worker.progress(job_id, 1) == 0
            with listening(client, "events") as events:
                next(iter(events))
                _until_heard(worker, job_id)
            # That the client left is noticed when something is written to it.
            deadline = time.monotonic() + 10
            while worker.progress(job_id, 1):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        redis.close()

    def test_the_owners_stream_tells_of_every_job(self, server: Server, worker: HandWorker):
        with server.client() as client, listening(client, "events") as events:
            stream = iter(events)
            assert next(stream) == {"retry": "1000"}
            assert re.fullmatch(r"[0-9]+-0", next(stream)["id"])
            jobs = [create(client) for _ in range(2)]
            for job_id in jobs:
                worker.run(job_id)
            seen = [next(stream) for _ in range(8)]
            assert {each["data"]["job"] for each in seen} == set(jobs)
            assert [each["event"] for each in seen].count("done") == 2

    def test_a_phone_that_slept_gets_every_end_that_it_missed(
        self, server: Server, worker: HandWorker
    ):
        with server.client() as client:
            with listening(client, "events") as events:
                stream = iter(events)
                last = [next(stream) for _ in range(2)][-1]["id"]
            jobs = [create(client) for _ in range(5)]
            for job_id in jobs:
                worker.run(job_id)
            with listening(client, "events", Last_Event_ID=last) as events:
                ends = events.named("done")
                assert [next(ends)["data"]["job"] for _ in jobs] == jobs

    def test_without_an_id_the_owners_stream_begins_now(self, server: Server, worker: HandWorker):
        with server.client() as client:
            worker.run(create(client))
            with listening(client, "events") as events:
                stream = iter(events)
                assert next(stream) == {"retry": "1000"}
                assert set(next(stream)) == {"id"}
                new = create(client)
                assert next(stream)["data"] == {"job": new, "event": "status", "status": "queued"}

    def test_ends_that_were_trimmed_from_the_stream_are_told_from_the_records(
        self, server: Server, worker: HandWorker
    ):
        with server.client() as client:
            with listening(client, "events") as events:
                stream = iter(events)
                last = [next(stream) for _ in range(2)][-1]["id"]
            jobs = [create(client) for _ in range(6)]
            for job_id in jobs:
                worker.run(job_id)
            worker.redis.xtrim(OWNER, maxlen=2, approximate=False)
            with listening(client, "events", Last_Event_ID=last) as events:
                ends = events.named("done")
                assert {next(ends)["data"]["job"] for _ in jobs} == set(jobs)

    def test_ends_are_told_from_the_records_after_the_whole_stream_has_expired(
        self, server: Server, worker: HandWorker
    ):
        with server.client() as client:
            with listening(client, "events") as events:
                stream = iter(events)
                last = [next(stream) for _ in range(2)][-1]["id"]
            jobs = [create(client) for _ in range(3)]
            for job_id in jobs[:2]:
                worker.run(job_id)
            worker.redis.delete(OWNER)
            worker.run(jobs[2])
            with listening(client, "events", Last_Event_ID=last) as events:
                ends = events.named("done")
                assert [next(ends)["data"]["job"] for _ in jobs] == [jobs[1], jobs[0], jobs[2]]

    def test_a_job_deleted_under_its_client_ends_its_stream(
        self, server: Server, worker: HandWorker
    ):
        with server.client() as client, server.client() as other:
            job_id = create(client)
            with listening(client, f"jobs/{job_id}/events") as events:
                stream = events.named("status", "done")
                next(stream)
                other.delete(f"jobs/{job_id}")
                assert next(stream)["data"]["status"] == "canceled"

    def test_two_processes_tell_the_same(self, redis_url: str, data: Path, worker: HandWorker):
        with gunicorn(redis_url, data, api_processes=2) as server, server.client() as client:
            job_id = create(client)
            heard: list[list[str]] = []

            def listen():
                with server.client() as mine, listening(mine, f"jobs/{job_id}/events") as events:
                    heard.append([each["event"] for each in events.named("status", "done")])

            threads = [threading.Thread(target=listen) for _ in range(8)]
            for thread in threads:
                thread.start()
            time.sleep(0.5)
            worker.run(job_id)
            for thread in threads:
                thread.join(10)
            assert heard == [["status", "status", "done"]] * 8


@contextmanager
def _reporting(worker: HandWorker, job_id: str) -> Iterator[None]:
    """A step every tenth of a second, as of a worker at work: what is live may be missed once."""
    enough = threading.Event()

    def report() -> None:
        while not enough.wait(0.1):
            worker.progress(job_id, 5)

    thread = threading.Thread(target=report)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def _until_heard(worker: HandWorker, job_id: str) -> None:
    deadline = time.monotonic() + 5
    while worker.progress(job_id, 5) == 0:
        assert time.monotonic() < deadline
        time.sleep(0.02)


class TestSafetyNet:
    def test_an_end_whose_event_was_lost_is_told_at_the_next_beat(
        self, client: FlaskClient, worker: HandWorker, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(sse, "BEAT", 0.5)
        job_id = create(client)
        worker.begin(job_id)
        answer = client.get(f"{API}/jobs/{job_id}/events", buffered=False)
        frames = (frame.decode() for frame in answer.response)
        begun = [next(frames) for _ in range(3)]
        assert "running" in begun[-1]
        # The worker's transaction minus its event, as after a restart that lost the last second.
        key = job_stream(job_id)
        worker.redis.rename(key, "elsewhere")
        worker.redis.rename(OWNER, "elsewhere-too")
        worker.redis.hset(f"rq:job:{job_id}", mapping={"status": "finished"})
        assert "event: done" in "".join(frames)
        answer.close()

    def test_a_silent_stream_has_a_comment_at_every_beat(
        self, client: FlaskClient, worker: HandWorker, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(sse, "BEAT", 0.2)
        answer = client.get(f"{API}/events", buffered=False)
        frames = (frame.decode() for frame in answer.response)
        got = [next(frames) for _ in range(4)]
        assert got[2:] == [": still here\n\n"] * 2
        answer.close()


class TestSubscription:
    """What one client may cost."""

    def entry(self, number: int) -> Entry:
        return Entry(f"{number}-0", StatusEvent(job="a", status="queued"))

    def test_a_client_that_does_not_read_is_cut_off_rather_than_lied_to(self):
        subscription = Subscription("s", "local", None, live=True)
        for number in range(MAX_LASTING + 5):
            subscription.offer(self.entry(number))
        assert subscription.overrun

    def test_only_the_latest_progress_waits(self):
        subscription = Subscription("s", "local", None, live=True)
        for step in range(100):
            progress = Progress(step=step, steps=100, fraction=step / 100)
            subscription.offer_live(Live(ProgressEvent(job="a", progress=progress)))
        assert subscription.next(0).event.progress.step == 99
        assert subscription.next(0) is None

    def test_no_progress_comes_after_the_end(self):
        subscription = Subscription("s", "local", None, live=True)
        subscription.offer_live(Live(PreviewEvent(job="a", index=0, image="")))
        subscription.offer(Entry("1-0", DoneEvent(job="a", status="succeeded")))
        assert isinstance(subscription.next(0), Entry)
        assert subscription.next(0) is None

    def test_previews_of_many_jobs_are_bounded(self):
        subscription = Subscription("s", "local", None, live=True)
        for job in range(10_000):
            subscription.offer_live(Live(PreviewEvent(job=str(job), index=0, image="")))
        waiting = 0
        while subscription.next(0):
            waiting += 1
        assert waiting <= 64


def test_a_stream_that_nobody_follows_is_let_go(app: Flask, redis: Redis):
    with app.app_context():
        hub = current_hub()
    with hub.subscribe(OWNER, "local"):
        assert hub.following == 1
    assert hub.following == 0
