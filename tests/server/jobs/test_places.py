"""Places in the queue: one's own waiting jobs change them among themselves, and nobody else's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient
from redis import Redis

from jobs import devices
from jobs.records import lanes
from tests.running.api import Server
from tests.running.hand_worker import HandWorker
from tests.running.paths import API


@pytest.fixture
def anna(redis: Redis) -> dict[str, str]:
    return token(redis, "anna")


def token(redis: Redis, owner: str) -> dict[str, str]:
    _, given = devices.create(redis, f"{owner}'s", owner=owner)
    return {"Authorization": f"Bearer {given}"}


def submit(client: FlaskClient, headers: dict[str, str], **fields: object) -> str:
    body = {"prompt": "red apple", **fields}
    return client.post(f"{API}/jobs", json=body, headers=headers).json["id"]


def move(client: FlaskClient, headers: dict[str, str], job: str, **where: str):
    return client.post(f"{API}/jobs/{job}/position", json=where, headers=headers)


def order(client: FlaskClient, headers: dict[str, str]) -> list[str]:
    """The ids of a caller's waiting jobs, as they say that they come."""
    jobs = client.get(f"{API}/jobs?status=queued", headers=headers).json["jobs"]
    return [job["id"] for job in sorted(jobs, key=lambda job: job["queue_position"])]


def test_a_waiting_job_goes_where_it_is_told_and_workers_take_it_there(
    client: FlaskClient, worker: HandWorker, anna
):
    a, b, c, d = (submit(client, anna) for _ in range(4))
    answer = move(client, anna, d, to="first")
    assert (answer.status_code, answer.json["queue_position"]) == (200, 0)
    assert order(client, anna) == [d, a, b, c]
    assert move(client, anna, a, before=c).json["queue_position"] == 2
    assert order(client, anna) == [d, b, a, c]
    move(client, anna, d, after=b)
    assert order(client, anna) == [b, d, a, c]
    move(client, anna, b, to="last")
    # Twice is once.
    for _ in range(2):
        assert move(client, anna, c, before=a).status_code == 200
        assert order(client, anna) == [d, c, a, b]
    assert move(client, anna, c, before=c).status_code == 200
    e = submit(client, anna)
    assert order(client, anna) == [d, c, a, b, e]
    (lane,) = lanes.lanes(worker.redis)
    taken = [lane.queue(worker.redis).pop_job_id() for _ in range(5)]
    assert taken == [d, c, a, b, e]


def test_nobody_elses_turn_is_changed_by_it(client: FlaskClient, worker: HandWorker, anna):
    bert = token(worker.redis, "bert")
    hers = [submit(client, anna) for _ in range(3)]
    his = submit(client, bert)
    place = client.get(f"{API}/jobs/{his}", headers=bert).json["queue_position"]
    move(client, anna, hers[2], to="first")
    assert client.get(f"{API}/jobs/{his}", headers=bert).json["queue_position"] == place
    assert move(client, anna, his, to="last").status_code == 404
    refused = move(client, anna, hers[0], before=his)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/before")
    assert order(client, anna) == [hers[2], hers[0], hers[1]]


def test_what_has_no_place_is_refused_with_the_reason(
    client: FlaskClient, worker: HandWorker, anna
):
    running, ended, waits = (submit(client, anna) for _ in range(3))
    urgent = submit(client, anna, priority="high")
    worker.begin(running)
    client.post(f"{API}/jobs/{ended}/cancel", headers=anna)
    for job, code in ((running, "already-runs"), (ended, "already-ended")):
        answer = move(client, anna, job, to="first")
        assert answer.status_code == 409
        assert answer.json["wording"]["code"] == code
    for other, code in ((running, "other-not-waiting"), (urgent, "other-lane")):
        answer = move(client, anna, waits, before=other)
        assert answer.status_code == 422
        assert answer.json["errors"][0]["wording"]["code"] == code
    for body in ({}, {"to": "first", "before": urgent}, {"to": "second"}, {"place": 1}):
        assert move(client, anna, waits, **body).status_code == 422
    assert move(client, anna, "nothing", to="first").status_code == 404
    assert move(client, anna, waits, after="nothing").status_code == 422


def test_moves_at_once_lose_no_job_and_double_none(server: Server, worker: HandWorker, anna):
    with server.client() as http:
        http.headers.update(anna)
        ids = [http.post("jobs", json={"prompt": "x"}).json()["id"] for _ in range(6)]

        def go(number: int) -> int:
            where = {"to": "first"} if number % 3 else {"before": ids[number % 6]}
            path = f"jobs/{ids[(number * 5 + 1) % 6]}/position"
            return http.post(path, json=where).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(go, range(40))) == {200}
    (lane,) = lanes.lanes(worker.redis)
    assert sorted(lane.queue(worker.redis).job_ids) == sorted(ids)
