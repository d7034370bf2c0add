"""Quotas that an admin sets for one user: they go before the server's, and for nobody else."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from jobs import devices
from tests.running.hand_worker import HandWorker
from tests.running.paths import API


@pytest.fixture
def anna(worker: HandWorker) -> dict[str, str]:
    _, token = devices.create(worker.redis, "phone", owner="anna")
    return {"Authorization": f"Bearer {token}"}


def send(client: FlaskClient, headers: dict[str, str] | None = None) -> int:
    return client.post(f"{API}/jobs", json={"prompt": "x"}, headers=headers).status_code


def test_an_admin_says_how_much_one_user_may_have(client: FlaskClient, anna):
    listed = client.get(f"{API}/quotas").json
    assert [each["owner"] for each in listed["quotas"]] == ["anna"]
    assert set(listed["server"]) == {"queued", "pictures_in_flight", "pictures_per_day"}
    answer = client.put(f"{API}/quotas/anna", json={"queued": 1})
    assert answer.json == {
        "owner": "anna",
        "queued": 1,
        "pictures_in_flight": None,
        "pictures_per_day": None,
    }
    assert [send(client, anna) for _ in range(2)] == [202, 429]
    refused = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=anna)
    assert refused.json["wording"] == {"code": "quota-queued", "values": {"limit": 1, "left": 0}}
    assert [send(client) for _ in range(3)] == [202] * 3
    assert client.get(f"{API}/quotas", headers=anna).json["quotas"] == [answer.json]
    client.put(f"{API}/quotas/anna", json={})
    assert send(client, anna) == 202


def test_only_an_admin_sets_them_and_within_bounds(client: FlaskClient, anna):
    mine = client.put(f"{API}/quotas/anna", json={"queued": 9}, headers=anna)
    assert mine.status_code == 403
    for body in ({"queued": -1}, {"pictures_per_day": 1.5}, {"jobs": 1}):
        assert client.put(f"{API}/quotas/anna", json=body).status_code == 422
    assert client.put(f"{API}/quotas/An na", json={}).status_code == 422
