"""What a request costs Redis, in commands: a page of jobs as much whatever there is."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from jobs import devices
from jobs.queue import queue
from jobs.records.record import read
from tests.running.commands import commands
from tests.running.hand_worker import HandWorker
from tests.running.paths import API

PAGE = 20
POST = 13


@pytest.fixture
def waiting(client: FlaskClient, worker: HandWorker):
    """Makes so many jobs wait in so many lanes, all of the machine's own."""
    sent = client.post(f"{API}/jobs", json={"prompt": "red apple"}).json["id"]
    request = read(worker.redis, sent).request

    def fill(jobs: int, lanes: int) -> None:
        for number in range(jobs - 1):
            caller = f"caller{number % lanes}"
            queue.submit(worker.redis, request, "local", caller=caller)

    return fill


@pytest.mark.parametrize("lanes", [1, 200])
def test_a_page_of_jobs_costs_few_commands_whatever_waits(
    client: FlaskClient, worker: HandWorker, waiting, lanes: int
):
    waiting(200, lanes)
    first = client.get(f"{API}/jobs?limit=100").json["next_cursor"]
    for asked in ("", "&owner=*", "&q=apple", "&q=appl&owner=*", "&status=queued", "&q=pear"):
        for cursor in ("", f"&cursor={first}"):
            with commands(worker.redis) as counted:
                jobs = client.get(f"{API}/jobs?limit=100{asked}{cursor}").json["jobs"]
            assert len(jobs) == (0 if "pear" in asked else 100)
            assert all(job["queue_position"] is not None for job in jobs)
            assert len(counted.all) <= PAGE, (asked, counted)


def test_a_job_costs_few_commands_to_send_whatever_waits(
    client: FlaskClient, worker: HandWorker, waiting
):
    waiting(100, 100)
    _, token = devices.create(worker.redis, "phone", owner="anna")
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
    with commands(worker.redis) as counted:
        answer = client.post(f"{API}/jobs", json={"prompt": "x"}, headers=headers)
    assert answer.status_code == 202
    assert len(counted.sent) <= POST, counted.sent
    # What one script does for the job does not grow with what waits either.
    assert len(counted.in_scripts) <= 26, counted.in_scripts
