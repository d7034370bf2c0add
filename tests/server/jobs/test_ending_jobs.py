"""Canceling and deleting jobs, and one picture of a job."""

from __future__ import annotations

import base64

import pytest
from flask.testing import FlaskClient

from jobs.pictures.image_store import ImageStore
from jobs.queue import queue
from jobs.records.record import read
from tests.running.hand_worker import HandWorker, png
from tests.running.paths import API
from tests.server.jobs.test_jobs import create


class TestCancel:
    def test_a_queued_job_is_canceled_at_once(self, client: FlaskClient, worker: HandWorker):
        answer = client.post(f"{API}/jobs/{create(client)}/cancel")
        assert answer.status_code == 200
        assert answer.json["status"] == "canceled"
        assert answer.json["finished_at"]

    def test_to_cancel_twice_is_to_cancel_once(self, client: FlaskClient, worker: HandWorker):
        job_id = create(client)
        first, second = (client.post(f"{API}/jobs/{job_id}/cancel") for _ in range(2))
        assert first.status_code == second.status_code == 200
        assert first.json == second.json

    def test_a_running_job_is_told_to_stop(self, client: FlaskClient, worker: HandWorker):
        job_id = create(client)
        worker.begin(job_id)
        assert client.post(f"{API}/jobs/{job_id}/cancel").status_code == 200
        record = read(worker.redis, job_id)
        assert record
        assert record.cancel_requested

    def test_a_running_job_is_left_alone_where_only_waiting_ones_are_meant(
        self, client: FlaskClient, worker: HandWorker
    ):
        waits, runs = create(client), create(client)
        worker.begin(runs)
        for job_id in (waits, runs):
            queue.cancel(worker.redis, job_id, running=False)
        waiting, running = read(worker.redis, waits), read(worker.redis, runs)
        assert waiting
        assert running
        assert waiting.status == "canceled"
        assert (running.status, running.cancel_requested) == ("running", False)

    def test_a_finished_job_stays_finished(self, client: FlaskClient, worker: HandWorker):
        job_id = create(client)
        worker.run(job_id)
        assert client.post(f"{API}/jobs/{job_id}/cancel").json["status"] == "succeeded"


class TestDelete:
    def test_a_deleted_job_takes_its_pictures_along(
        self, client: FlaskClient, worker: HandWorker, store: ImageStore
    ):
        job_id = create(client, count=2)
        images = worker.run(job_id)
        urls = [
            output["url"] + "&format=webp"
            for output in client.get(f"{API}/jobs/{job_id}").json["outputs"]
        ]
        assert [client.get(url).status_code for url in urls] == [200, 200]
        answer = client.delete(f"{API}/jobs/{job_id}")
        assert (answer.status_code, answer.data) == (204, b"")
        assert client.get(f"{API}/jobs/{job_id}").status_code == 404
        assert client.get(f"{API}/jobs").json["jobs"] == []
        assert [client.get(url).status_code for url in urls] == [404, 404]
        for image in images:
            with pytest.raises(FileNotFoundError):
                store.read(image)

    def test_a_queued_job_can_be_deleted(self, client: FlaskClient, worker: HandWorker):
        job_id = create(client)
        assert client.delete(f"{API}/jobs/{job_id}").status_code == 204
        assert read(worker.redis, job_id) is None

    def test_deleting_twice_is_404(self, client: FlaskClient, worker: HandWorker):
        job_id = create(client)
        client.delete(f"{API}/jobs/{job_id}")
        assert client.delete(f"{API}/jobs/{job_id}").status_code == 404


class TestDeleteOnePicture:
    def test_the_others_of_its_job_stay(
        self, client: FlaskClient, worker: HandWorker, store: ImageStore
    ):
        job_id = create(client, count=3)
        first, second, third = worker.run(job_id)
        url = client.get(f"{API}/jobs/{job_id}").json["outputs"][1]["url"]
        answer = client.delete(f"{API}/images/{second}")
        assert (answer.status_code, answer.data) == (204, b"")
        job = client.get(f"{API}/jobs/{job_id}").json
        assert job["status"] == "succeeded"
        assert [output["id"] for output in job["outputs"]] == [first, third]
        assert client.get(url).status_code == 404
        with pytest.raises(FileNotFoundError):
            store.read(second)
        assert store.read(first)
        assert client.delete(f"{API}/images/{second}").status_code == 404

    def test_the_last_one_leaves_a_job_without_pictures(
        self, client: FlaskClient, worker: HandWorker
    ):
        job_id = create(client)
        (image,) = worker.run(job_id)
        assert client.delete(f"{API}/images/{image}").status_code == 204
        assert client.get(f"{API}/jobs/{job_id}").json["outputs"] == []
        assert client.delete(f"{API}/jobs/{job_id}").status_code == 204

    def test_not_before_its_job_has_ended(self, client: FlaskClient, worker: HandWorker):
        job_id = create(client, count=2)
        worker.begin(job_id)
        answer = client.delete(f"{API}/images/{job_id}-0")
        assert answer.status_code == 409
        assert "running" in answer.json["detail"]

    def test_what_a_job_started_from_is_not_deleted_alone(
        self, client: FlaskClient, worker: HandWorker, store: ImageStore
    ):
        start = "data:image/png;base64," + base64.b64encode(png()).decode()
        job_id = create(client, kind="image-to-image", image=start)
        worker.run(job_id)
        (kept,) = client.get(f"{API}/jobs/{job_id}").json["pictures"]
        answer = client.delete(f"{API}/images/{kept['id']}")
        assert answer.status_code == 409
        assert store.read(kept["id"])

    @pytest.mark.parametrize("image", ["nothing", "0" * 32 + "-0"])
    def test_of_no_job_is_404(self, client: FlaskClient, image: str):
        assert client.delete(f"{API}/images/{image}").status_code == 404
