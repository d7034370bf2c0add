"""One job however often its request is sent, and answers that wait for its end."""

from __future__ import annotations

import threading
import time

import pytest
from flask.testing import FlaskClient
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.running.hand_worker import HandWorker
from tests.running.paths import API

KEY = {"Idempotency-Key": "5f6c"}


class TestIdempotency:
    def test_the_same_key_and_body_are_one_job(self, client: FlaskClient, worker: HandWorker):
        first, second = (
            client.post(f"{API}/jobs", json={"prompt": "x"}, headers=KEY) for _ in range(2)
        )
        assert first.status_code == second.status_code == 202
        assert first.json["id"] == second.json["id"]
        assert first.json["input"]["seed"] == second.json["input"]["seed"]
        assert len(client.get(f"{API}/jobs").json["jobs"]) == 1

    def test_a_full_queue_gives_back_the_job_that_it_has(
        self, client: FlaskClient, worker: HandWorker, monkeypatch: pytest.MonkeyPatch
    ):
        from jobs.queue import queue

        first = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=KEY).json["id"]
        full = queue.settings().model_copy(update={"max_queue": 1})
        monkeypatch.setattr(queue, "settings", lambda: full)
        assert client.post(f"{API}/jobs", json={"prompt": "x"}).status_code == 429
        again = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=KEY)
        assert (again.status_code, again.json["id"]) == (202, first)

    def test_a_repeated_request_is_no_new_event(self, client: FlaskClient, worker: HandWorker):
        job_id = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=KEY).json["id"]
        worker.run(job_id)
        client.post(f"{API}/jobs", json={"prompt": "x"}, headers=KEY)
        events = client.get(f"{API}/jobs/{job_id}/events").text
        assert events.count("event: status") == 2
        assert events.rstrip().split("\n\n")[-1].count("event: done") == 1

    def test_the_same_key_with_another_body_is_refused(
        self, client: FlaskClient, worker: HandWorker
    ):
        client.post(f"{API}/jobs", json={"prompt": "x"}, headers=KEY)
        answer = client.post(f"{API}/jobs", json={"prompt": "y"}, headers=KEY)
        assert answer.status_code == 422
        assert "Idempotency-Key" in answer.json["detail"]

    def test_a_refused_body_does_not_use_up_the_key(self, client: FlaskClient, worker: HandWorker):
        assert client.post(f"{API}/jobs", json={}, headers=KEY).status_code == 422
        answer = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=KEY)
        assert answer.status_code == 202

    def test_a_job_that_was_deleted_is_not_made_again_by_its_key(
        self, client: FlaskClient, worker: HandWorker
    ):
        job = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=KEY).json["id"]
        worker.run(job)
        assert client.delete(f"{API}/jobs/{job}").status_code == 204
        again = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=KEY)
        assert again.status_code == 409
        assert again.json["type"] == "urn:darkroom:deleted"
        assert client.get(f"{API}/jobs").json["jobs"] == []
        other = client.post(f"{API}/jobs", json={"prompt": "x"}, headers={"Idempotency-Key": "b"})
        assert other.status_code == 202

    @pytest.mark.parametrize("key", ["", "x" * 256])
    def test_a_key_that_is_empty_or_endless_is_refused(
        self, client: FlaskClient, worker: HandWorker, key: str
    ):
        headers = {"Idempotency-Key": key}
        answer = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=headers)
        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == "/Idempotency-Key"


class TestPrefer:
    def test_a_job_that_was_kept_is_202_though_redis_went_away_since(
        self, client: FlaskClient, worker: HandWorker, monkeypatch: pytest.MonkeyPatch
    ):
        def gone(*_: object, **__: object) -> None:
            raise RedisConnectionError("gone")

        monkeypatch.setattr("server.routes.jobs.follow", gone)
        monkeypatch.setattr("jobs.lists.standing.look", gone)
        answer = client.post(f"{API}/jobs", json={"prompt": "x"}, headers={"Prefer": "wait=5"})
        assert answer.status_code == 202
        assert answer.json["queue_position"] is None
        monkeypatch.undo()
        assert client.get(answer.headers["Location"]).json["status"] == "queued"

    def test_a_job_done_in_time_comes_back_whole(self, client: FlaskClient, worker: HandWorker):
        def work():
            while not (jobs := client.get(f"{API}/jobs").json["jobs"]):
                time.sleep(0.01)
            worker.run(jobs[0]["id"])

        thread = threading.Thread(target=work)
        thread.start()
        started = time.monotonic()
        answer = client.post(f"{API}/jobs", json={"prompt": "x"}, headers={"Prefer": "wait=60"})
        thread.join()
        assert time.monotonic() - started < 45
        assert answer.status_code == 200
        assert answer.headers["Preference-Applied"] == "wait=60"
        assert answer.json["status"] == "succeeded"
        assert len(answer.json["outputs"]) == 1

    def test_a_job_not_done_in_time_is_accepted(self, client: FlaskClient, worker: HandWorker):
        started = time.monotonic()
        answer = client.post(f"{API}/jobs", json={"prompt": "x"}, headers={"Prefer": "wait=1"})
        assert 0.9 < time.monotonic() - started < 30
        assert answer.status_code == 202
        assert answer.headers["Location"]

    def test_a_job_that_was_done_already_is_not_waited_for(
        self, client: FlaskClient, worker: HandWorker
    ):
        headers = {"Prefer": "wait=60", "Idempotency-Key": "k"}
        job_id = client.post(
            f"{API}/jobs", json={"prompt": "x"}, headers={"Idempotency-Key": "k"}
        ).json["id"]
        worker.run(job_id)
        started = time.monotonic()
        answer = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=headers)
        assert answer.status_code == 200
        assert time.monotonic() - started < 30
