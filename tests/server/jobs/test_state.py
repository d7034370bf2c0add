"""What the server says of itself: the queue, the workers, the models."""

from __future__ import annotations

from flask.testing import FlaskClient
from redis import Redis

from jobs import devices
from jobs.records import workers
from tests.running.hand_worker import HandWorker
from tests.running.paths import API

STATE = f"{API}/state"
ELSEWHERE = {"REMOTE_ADDR": "192.168.1.20"}


def test_waiting_jobs_are_counted_until_a_worker_begins_them(
    client: FlaskClient, worker: HandWorker
):
    ids = [client.post(f"{API}/jobs", json={"prompt": "x"}).json["id"] for _ in range(3)]
    assert client.get(STATE).json["waiting"] == 3
    worker.begin(ids[0])
    assert client.get(STATE).json["waiting"] == 2
    # What the page copies as a link has to work on another device.
    here = client.get(STATE).json["address"]
    assert here.startswith("http://")
    assert "//localhost" not in here


def test_what_workers_do_and_can_is_added_up(client: FlaskClient, worker: HandWorker):
    busy = {"name": "other", "device": "cuda:1", "running": 3, "jobs_per_second": None}
    workers.advertise(worker.redis, worker.info.model_copy(update=busy))
    state = client.get(STATE).json
    assert (state["alive"], state["running"], state["capacity"]) == (2, 3, 8)
    assert state["jobs_per_second"] == 2.0
    assert [(each["name"], each["device"]) for each in state["workers"]] == [
        ("hand", "cpu"),
        ("other", "cuda:1"),
    ]


def test_a_model_is_what_it_is_on_the_worker_that_is_furthest_with_it(
    client: FlaskClient, worker: HandWorker
):
    def model() -> dict[str, object]:
        [found] = client.get(STATE).json["models"]
        return found

    assert model() == {"name": "small", "state": "warm", "loaded": 1.0}
    for name, share in (("hand", 0.4), ("other", 0.7)):
        changed = {"name": name, "warm": [], "loading": {"small": share}}
        workers.advertise(worker.redis, worker.info.model_copy(update=changed))
    assert model() == {"name": "small", "state": "loading", "loaded": 0.7}
    for name in ("hand", "other"):
        workers.withdraw(worker.redis, name)
    assert model() == {"name": "small", "state": "cold", "loaded": 0.0}


def test_without_a_worker_the_state_says_so_and_is_no_error(client: FlaskClient, redis: Redis):
    state = client.get(STATE).json
    assert (state["alive"], state["capacity"], state["workers"]) == (0, 0, [])
    assert state["jobs_per_second"] is None
    assert state["door"] == "closed"
    assert state["version"] == client.get(f"{API}/health").json["version"]


def test_a_user_sees_figures_and_no_workers_names_or_devices(
    client: FlaskClient, redis: Redis, worker: HandWorker
):
    for role, seen in (("user", 0), ("admin", 1)):
        _, token = devices.create(redis, role, role)
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.get(STATE, headers=headers, environ_overrides=ELSEWHERE)
        assert (answer.json["alive"], len(answer.json["workers"])) == (1, seen)
        assert ("hand" in answer.text) == bool(seen)
