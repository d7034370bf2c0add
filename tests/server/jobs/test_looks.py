"""Requests share looks at the queue, and each job still knows its place."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.running.hand_worker import HandWorker
from tests.running.looks import counted_looks
from tests.running.paths import API


def test_a_long_queue_is_looked_at_once_however_often_it_is_asked_for(
    client: FlaskClient, worker: HandWorker, monkeypatch: pytest.MonkeyPatch
):
    taken = counted_looks(monkeypatch)
    jobs = [client.post(f"{API}/jobs", json={"prompt": "apple"}).json["id"] for _ in range(5)]
    so_far = len(taken)
    for _ in range(4):
        listed = client.get(f"{API}/jobs").json["jobs"]
        places = {each["id"]: each["queue_position"] for each in listed}
        assert places == {job: place for place, job in enumerate(jobs)}
        assert client.get(f"{API}/jobs/{jobs[3]}").json["queue_position"] == 3
    assert len(taken) == so_far
    client.post(f"{API}/jobs/{jobs[3]}/position", json={"to": "first"})
    assert client.get(f"{API}/jobs/{jobs[0]}").json["queue_position"] == 1
