"""Creating, reading and listing jobs."""

from __future__ import annotations

import base64
import re
import time
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from jobs import devices
from jobs.queue import queue
from jobs.records import workers
from jobs.records.events import READING, STORING
from jobs.records.record import read
from jobs.records.workers import Measured
from tests.running.hand_worker import HandWorker, png
from tests.running.paths import API


def create(client: FlaskClient, **fields: object) -> str:
    answer = client.post(f"{API}/jobs", json={"prompt": "red apple", **fields})
    assert answer.status_code == 202, answer.text
    return answer.json["id"]


def test_a_created_job_is_accepted_and_says_where_it_is(client: FlaskClient, worker: HandWorker):
    answer = client.post(f"{API}/jobs", json={"prompt": "red apple"})
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"{API}/jobs/{answer.json['id']}"
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert client.get(answer.headers["Location"]).json["status"] == "queued"


def test_a_job_shows_every_choice_that_was_made_for_it(client: FlaskClient, worker: HandWorker):
    job = client.get(f"{API}/jobs/{create(client, steps=7)}").json
    assert job["kind"] == "text-to-image"
    assert job["input"]["steps"] == 7
    assert job["input"]["model"] == "small"
    assert job["input"]["sampler"] == "pndm"
    assert 0 <= job["input"]["seed"] < 2**32
    assert job["queue_position"] == 0
    assert job["eta_s"] == pytest.approx(7 * 0.01 + 0.1 + 0.2)
    assert job["outputs"] == []
    assert job["error"] is job["progress"] is job["started_at"] is job["finished_at"] is None
    assert job["urls"] == {
        "self": f"{API}/jobs/{job['id']}",
        "events": f"{API}/jobs/{job['id']}/events",
        "cancel": f"{API}/jobs/{job['id']}/cancel",
    }


def test_times_are_rfc_3339_in_utc(client: FlaskClient, worker: HandWorker):
    job_id = create(client)
    worker.run(job_id)
    job = client.get(f"{API}/jobs/{job_id}").json
    for name in ("created_at", "started_at", "finished_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", job[name])
        age = time.time() - datetime.fromisoformat(job[name]).timestamp()
        assert -1 < age < 60


def test_an_eta_is_left_out_where_nothing_was_measured(client: FlaskClient, worker: HandWorker):
    worker.info = worker.info.model_copy(update={"costs": []})
    worker.advertise()
    assert client.get(f"{API}/jobs/{create(client)}").json["eta_s"] is None


def test_a_request_is_told_how_long_it_would_take_before_it_is_sent(
    client: FlaskClient, worker: HandWorker
):
    def told(**body: Any) -> Any:
        return client.post(f"{API}/forecast", json=body).json

    apple = {"prompt": "apple", "steps": 7}
    assert told(request=apple)["seconds"] == pytest.approx(7 * 0.01 + 0.1 + 0.2)
    # A photograph is painted over at the model's own size.
    paint = apple | {"kind": "inpaint", "image": "taken", "mask": "painted"}
    photograph = told(request=paint, picture={"width": 4000, "height": 3000})
    drawn = {"width": 64, "height": 64, "errors": []}
    assert photograph == {"seconds": pytest.approx(0.37)} | drawn
    # Its file has all pixels of the photograph.
    worker.info = worker.info.model_copy(update={"finish_pixel_s": 1e-6})
    worker.advertise()
    photograph = told(request=paint, picture={"width": 4000, "height": 3000})
    assert photograph["seconds"] == pytest.approx(12.37, abs=0.2)
    # And it is read first, as is its mask.
    reads, grows = Measured(each=0.1, each_pixel=2e-6), Measured(each=0.1, each_pixel=1e-7)
    worker.info = worker.info.model_copy(update={"prepare": reads, "enlarging": {"lanczos": grows}})
    worker.advertise()
    small, large = (
        told(request=paint, picture={"width": side * 4, "height": side * 3})["seconds"]
        for side in (100, 1000)
    )
    assert large >= small - 0.1 + 24e6 * 2e-6 + 12e6 * 1e-6
    larger = {"kind": "upscale", "image": "taken", "strength": 0.0, "scale": 1.5}
    grown = told(request=larger, picture={"width": 4000, "height": 3000})
    assert (grown["width"], grown["height"]) == (6000, 4500)
    assert grown["seconds"] == pytest.approx(12 * 2 + 27 * 1.1, abs=0.2)
    network = larger | {"upscaler": "nearest"}
    assert told(request=network, picture={"width": 400, "height": 300})["seconds"] is None
    whole = told(request=apple | {"width": 512, "height": 512})
    assert whole == {"seconds": None, "width": 512, "height": 512, "errors": []}
    # Of what it is only to look at nothing has to be said.
    assert told(request=apple | {"reference_only": {"image": "seen"}})["errors"] == []
    assert told(request=paint)["errors"][0]["pointer"] == "/picture"
    many = told(request=paint, picture={"width": 40_000, "height": 3000})["errors"][0]
    assert (many["pointer"], many["wording"]["values"]["has"]) == ("/picture", 120_000_000)
    wrong = told(request=apple | {"model": "gone", "prompt": "x"})
    assert (wrong["seconds"], wrong["errors"][0]["pointer"]) == (None, "/request/model")
    assert client.get(f"{API}/jobs").json["jobs"] == []


def test_a_running_job_shows_progress_and_a_measured_eta(client: FlaskClient, worker: HandWorker):
    job_id = create(client)
    worker.begin(job_id)
    worker.progress(job_id, 5)
    job = client.get(f"{API}/jobs/{job_id}").json
    assert job["status"] == "running"
    progress = job["progress"]
    assert (progress["step"], progress["steps"], progress["fraction"]) == (5, 20, 0.25)
    assert job["eta_s"] == pytest.approx(15 * 0.01 + 0.2)
    assert job["attempts"] == 1
    assert job["queue_position"] is None


def test_a_picture_that_is_made_says_how_long_its_file_takes_and_nothing_where_nobody_knows(
    client: FlaskClient, worker: HandWorker
):
    def eta(job_id: str) -> float | None:
        return client.get(f"{API}/jobs/{job_id}").json["eta_s"]

    large, other = create(client, width=256, height=256), create(client)
    worker.begin(large)
    worker.progress(large, 20)
    assert eta(large) is None
    assert eta(other) is None
    worker.progress(large, 20, storing=6.5)
    assert eta(large) == 6.5
    # It keeps nobody waiting: the device is done with it.
    assert eta(other) == pytest.approx(20 * 0.01 + 0.1 + 0.2)
    worker.begin(other)
    worker.progress(other, 20, detail=STORING)
    assert eta(other) is None, "its store is away"


def test_what_is_left_to_read_and_to_store_is_part_of_the_time(
    client: FlaskClient, worker: HandWorker
):
    worker.info = worker.info.model_copy(update={"finish_pixel_s": 1e-6})
    worker.advertise()
    photograph, mask = (
        "data:image/png;base64," + base64.b64encode(png(2000, 1500, color, mode)).decode()
        for color, mode in (("red", "RGB"), ("white", "L"))
    )
    job_id = create(client, kind="inpaint", image=photograph, mask=mask, count=4)

    def eta() -> float:
        return client.get(f"{API}/jobs/{job_id}").json["eta_s"]

    # Two files of three megapixels are written at a time, twice.
    files, steps = 2 * 3.0, 20 * 0.01
    assert eta() == pytest.approx(steps + 4 * 0.1 + 4 * 0.2 + files, abs=0.1)
    worker.begin(job_id)
    worker.progress(job_id, 0, 80, detail=READING, reading=5.0)
    assert eta() == pytest.approx(5 + steps + 4 * 0.2 + files, abs=0.1)
    # Two are made and wait for their files, after which the last two have theirs.
    worker.progress(job_id, 60, 80, storing=4.0, made=2)
    assert eta() == pytest.approx(4 + 3, abs=0.1)
    worker.progress(job_id, 80, 80, storing=2.5)
    assert eta() == 2.5


def test_a_finished_job_has_its_pictures(client: FlaskClient, worker: HandWorker):
    job_id = create(client, count=3, seed=41)
    images = worker.run(job_id)
    job = client.get(f"{API}/jobs/{job_id}").json
    assert job["status"] == "succeeded"
    assert [output["id"] for output in job["outputs"]] == images
    assert [output["seed"] for output in job["outputs"]] == [41, 42, 43]
    for output in job["outputs"]:
        assert client.get(output["url"]).status_code == 200


def test_a_failed_job_says_why(client: FlaskClient, worker: HandWorker):
    job_id = create(client)
    worker.begin(job_id)
    worker.fail(job_id, "out_of_memory", "It did not fit.")
    job = client.get(f"{API}/jobs/{job_id}").json
    assert job["status"] == "failed"
    assert job["error"] == {"code": "out_of_memory", "detail": "It did not fit."}


def test_metadata_comes_back_as_it_was_sent(client: FlaskClient, worker: HandWorker):
    metadata = {"app": "Küche 🍎", "deep": [{"a": None, "b": 1.5}], "": True}
    job_id = create(client, metadata=metadata)
    assert client.get(f"{API}/jobs/{job_id}").json["input"]["metadata"] == metadata


def test_no_job_is_taken_before_a_worker_has_ever_started(client: FlaskClient, redis: Redis):
    answer = client.post(f"{API}/jobs", json={"prompt": "red apple"})
    assert answer.status_code == 503
    assert "worker" in answer.json["detail"]
    assert int(answer.headers["Retry-After"]) > 0


def test_jobs_are_taken_while_a_worker_restarts(client: FlaskClient, worker: HandWorker):
    workers.withdraw(worker.redis, "hand")
    assert client.post(f"{API}/jobs", json={"prompt": "red apple"}).status_code == 202


def test_a_full_queue_is_429_with_the_limit(
    client: FlaskClient, worker: HandWorker, monkeypatch: pytest.MonkeyPatch
):

    full = queue.settings().model_copy(update={"max_queue": 2})
    monkeypatch.setattr(queue, "settings", lambda: full)
    create(client)
    create(client)
    answer = client.post(f"{API}/jobs", json={"prompt": "red apple"})
    assert answer.status_code == 429
    assert "2" in answer.json["detail"]
    assert int(answer.headers["Retry-After"]) > 0


def test_two_devices_are_two_lanes_though_they_share_an_owner(
    client: FlaskClient, worker: HandWorker
):
    lanes, ids = set(), set()
    for name in ("phone", "tablet"):
        device, token = devices.create(worker.redis, name, owner="anna")
        ids.add(device.id)
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=headers)
        record = read(worker.redis, answer.json["id"])
        assert record
        lanes.add(record.lane)
        listed = client.get(f"{API}/jobs", headers=headers).json["jobs"]
        assert len(listed) == len(lanes)
    assert lanes == {f"small/normal/{device}" for device in ids}
    assert client.get(f"{API}/jobs").json["jobs"] == []


def test_a_job_that_succeeded_has_made_all_its_steps(client: FlaskClient, worker: HandWorker):
    job = client.post(f"{API}/jobs", json={"prompt": "x", "count": 2}).json["id"]
    worker.begin(job)
    worker.progress(job, 0, 40)
    worker.finish(job)
    progress = client.get(f"{API}/jobs/{job}").json["progress"]
    assert (progress["step"], progress["steps"], progress["fraction"]) == (40, 40, 1.0)


class TestList:
    def test_jobs_come_newest_first(self, client: FlaskClient, worker: HandWorker):
        made = [create(client) for _ in range(3)]
        answer = client.get(f"{API}/jobs").json
        assert {job["id"] for job in answer["jobs"]} == set(made)
        times = [job["created_at"] for job in answer["jobs"]]
        assert times == sorted(times, reverse=True)
        assert answer["next_cursor"] is None

    def test_pages_hold_every_job_once(self, client: FlaskClient, worker: HandWorker):
        made = {create(client) for _ in range(5)}
        found: list[str] = []
        url = f"{API}/jobs?limit=2"
        while url:
            answer = client.get(url)
            found += [job["id"] for job in answer.json["jobs"]]
            link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
            url = link[1] if link else ""
        assert len(found) == 5
        assert set(found) == made

    def test_a_status_finds_only_its_jobs(self, client: FlaskClient, worker: HandWorker):
        done, _ = create(client), create(client)
        worker.run(done)
        jobs = client.get(f"{API}/jobs?status=succeeded").json["jobs"]
        assert [job["id"] for job in jobs] == [done]

    def test_a_search_finds_prompts_page_by_page(self, client: FlaskClient, worker: HandWorker):
        for prompt in ("red apple", "green pear", "Apple & pie", "apple tree"):
            assert client.post(f"{API}/jobs", json={"prompt": prompt}).status_code == 202
            time.sleep(0.002)  # ids sort by milliseconds
        found: list[str] = []
        url = f"{API}/jobs?q=APPLE&limit=2&status=queued"
        while url:
            answer = client.get(url)
            found += [job["input"]["prompt"] for job in answer.json["jobs"]]
            link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
            url = link[1] if link else ""
        assert found == ["apple tree", "Apple & pie", "red apple"]

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            (f"q={'x' * 201}", "/q"),
            ("limit=0", "/limit"),
            ("limit=101", "/limit"),
            ("limit=x", "/limit"),
            ("status=done", "/status"),
            ("cursor=%00", "/cursor"),
            ("cursor=%F0%9F%8D%8E", "/cursor"),
            ("cursor=a", "/cursor"),
            ("color=red", "/color"),
        ],
    )
    def test_a_query_that_does_not_fit_is_refused(
        self, client: FlaskClient, worker: HandWorker, query: str, pointer: str
    ):
        answer = client.get(f"{API}/jobs?{query}")
        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == pointer
