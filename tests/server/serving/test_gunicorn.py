"""Behaviour that only a real server has: many clients, signals, a Redis that goes away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from tests.running.api import Server, gunicorn
from tests.running.clients.sse import Events
from tests.running.hand_worker import HandWorker


def follow_all(server: Server, count: int) -> tuple[list[threading.Thread], list[str]]:
    """Open streams, and gather what each one says."""
    said: list[str] = []
    opened = threading.Barrier(count + 1, timeout=20)

    def listen():
        with server.client() as client, client.stream("GET", "events") as answer:
            first = True
            for text in answer.iter_text():
                if first:
                    opened.wait()
                    first = False
                said.append(text)

    threads = [threading.Thread(target=listen, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    opened.wait()
    return threads, said


@pytest.mark.slow
def test_a_hundred_event_streams_leave_room_for_requests_and_say_farewell(
    redis_url: str, data: Path, worker: HandWorker
):
    with (
        gunicorn(redis_url, data, sse_clients=100, sse_clients_per_caller=100) as server,
        server.client() as client,
    ):
        threads, said = follow_all(server, 100)
        job_id = client.post("jobs", json={"prompt": "x"}).json()["id"]
        refused = client.get("events")
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        worker.run(job_id)
        deadline = time.monotonic() + 10
        while sum("event: done" in text for text in said) < 100 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert sum(text.count("event: done") for text in said) == 100

        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(8) == 0
        for thread in threads:
            thread.join(5)
        assert sum("restarting" in text for text in said) == 100


def test_a_client_that_leaves_gives_its_seat_back(redis_url: str, data: Path, worker: HandWorker):
    with gunicorn(redis_url, data, sse_clients=1) as server, server.client() as client:
        job_id = client.post("jobs", json={"prompt": "x"}).json()["id"]
        with client.stream("GET", "events") as answer:
            # Kept, since what nobody holds is closed.
            frames = iter(Events(answer.iter_lines()))
            next(frames)
            assert client.get("events").status_code == 503
            waited = client.post("jobs", json={"prompt": "x"}, headers={"Prefer": "wait=5"})
            assert waited.status_code == 202
            assert "Preference-Applied" not in waited.headers
        worker.run(job_id)
        deadline = time.monotonic() + 20
        while (answer := client.get(f"jobs/{job_id}/events")).status_code == 503:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.2)
        assert "event: done" in answer.text


def test_a_waiting_post_is_answered_when_the_server_leaves(
    redis_url: str, data: Path, worker: HandWorker
):
    with gunicorn(redis_url, data) as server, server.client() as client:
        answers: list[httpx.Response] = []
        headers = {"Prefer": "wait=60"}
        thread = threading.Thread(
            target=lambda: answers.append(
                client.post("jobs", json={"prompt": "x"}, headers=headers)
            )
        )
        thread.start()
        time.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        thread.join(8)
        assert [answer.status_code for answer in answers] == [202]


def test_forty_megabytes_are_refused_with_an_answer(server: Server, worker: HandWorker):
    with server.client() as client:
        answer = client.post("jobs", json={"prompt": "x" * 40_000_000})
        assert answer.status_code == 413
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
def test_a_body_in_chunks_has_the_same_limit(server: Server, worker: HandWorker, kind: str):
    def chunks() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(600):
            yield b"x" * 65536

    headers = {"Content-Type": kind}
    with server.client() as client:
        answer = client.post("jobs", content=chunks(), headers=headers)
        assert answer.status_code == 413
        small = json.dumps({"prompt": "x"}).encode()
        headers = {"Content-Type": "application/json"}
        answer = client.post("jobs", content=iter([small]), headers=headers)
        assert answer.status_code == 202


def test_a_range_and_a_head_work_over_the_wire(server: Server, worker: HandWorker):
    with server.client() as client:
        job_id = client.post("jobs", json={"prompt": "x"}).json()["id"]
        worker.run(job_id)
        url = server.url + client.get(f"jobs/{job_id}").json()["outputs"][0]["url"]
        whole = client.get(url)
        part = client.get(url, headers={"Range": "bytes=1-3"})
        assert (part.status_code, part.content) == (206, b"PNG")
        head = client.head(url)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == str(len(whole.content))
        assert head.headers["ETag"] == whole.headers["ETag"]


def test_event_streams_go_on_after_a_restart_of_redis(own_redis: RedisServer, data: Path):
    redis = connect(own_redis.url, retries=10)
    worker = HandWorker(redis, ImageStore(str(data / "images")))
    worker.advertise()
    with gunicorn(own_redis.url, data) as server, server.client() as client:
        job_id = client.post("jobs", json={"prompt": "x"}).json()["id"]
        with client.stream("GET", f"jobs/{job_id}/events") as answer:
            events = Events(answer.iter_lines()).named("status", "done")
            assert next(events)["data"]["status"] == "queued"
            own_redis.stop()
            with server.client() as other:
                assert other.get("jobs").status_code == 503
                assert other.get("health").status_code == 200
                assert other.get("ready").status_code == 503
            own_redis.start()
            worker.run(job_id)
            assert [each["data"]["status"] for each in events] == ["running", "succeeded"]
    redis.close()


@pytest.mark.slow
def test_an_event_stream_outlives_a_redis_that_is_away_for_long(own_redis: RedisServer, data: Path):
    redis = connect(own_redis.url, retries=10)
    worker = HandWorker(redis, ImageStore(str(data / "images")))
    worker.advertise()
    with gunicorn(own_redis.url, data) as server, server.client() as client:
        job_id = client.post("jobs", json={"prompt": "x"}).json()["id"]
        with client.stream("GET", f"jobs/{job_id}/events") as answer:
            frames = iter(Events(answer.iter_lines()))
            assert next(frames) == {"retry": "1000"}
            next(frames)
            own_redis.stop()
            assert "comment" in next(frames)
            own_redis.start()
            worker.run(job_id)
            assert [frame["event"] for frame in frames][-1] == "done"
    redis.close()


REQUESTS = (
    ("GET", "jobs"),
    ("GET", "jobs/x"),
    ("GET", "jobs/x/events"),
    ("GET", "events"),
    ("GET", "ready"),
    ("POST", "jobs"),
    ("DELETE", "jobs/x"),
)
BODY = {"prompt": "x"}


def test_a_hung_redis_is_503_within_five_seconds(own_redis: RedisServer, data: Path):
    redis = connect(own_redis.url)
    HandWorker(redis, ImageStore(str(data / "images"))).advertise()
    with gunicorn(own_redis.url, data) as server, server.client() as client:
        assert client.get("jobs").status_code == 200
        assert own_redis.process
        pid = _server_pid(own_redis)
        os.kill(pid, signal.SIGSTOP)
        try:
            # At once, as each of them takes its four seconds.
            with ThreadPoolExecutor(len(REQUESTS)) as pool:
                answers = list(pool.map(lambda each: client.request(*each, json=BODY), REQUESTS))
            for answer in answers:
                assert answer.status_code == 503
                assert int(answer.headers["Retry-After"]) > 0
                assert answer.elapsed.total_seconds() < 5
            assert client.get("health").status_code == 200
        finally:
            os.kill(pid, signal.SIGCONT)
        assert client.get("jobs").status_code == 200
    redis.close()


def _server_pid(server: RedisServer) -> int:
    client = connect(server.url)
    try:
        return int(dict(client.info("server"))["process_id"])
    finally:
        client.close()


def test_the_log_has_a_line_a_request_only_at_debug(redis_url: str, tmp_path: Path):
    for level, expected in (("INFO", False), ("DEBUG", True)):
        data = tmp_path / level
        with gunicorn(redis_url, data, log_level=level) as server, server.client() as client:
            client.get("samplers")
        assert ("/api/v1/samplers" in (data / "server.log").read_text()) is expected


def test_curl_gets_the_answer_to_a_large_body(server: Server, worker: HandWorker, tmp_path: Path):
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"prompt": "x" * 40_000_000}))
    header = "Content-Type: application/json"
    command = ["curl", "-sS", "-o", "-", "-w", " %{http_code}", "-H", header, "-d", f"@{body}"]
    result = subprocess.run(
        [*command, f"{server.url}/api/v1/jobs"], capture_output=True, text=True, timeout=20
    )
    assert result.stdout.endswith(" 413"), result
