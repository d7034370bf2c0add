"""Hours of quiet work: no process grows, however many clients follow.

`make soak` runs it for half an hour; MINUTES=120 make soak for longer.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import psutil
import pytest

from jobs import devices
from jobs.records.events import ENDED
from jobs.records.record import read_many
from tests.faults.callers import Caller, Receiver
from tests.faults.growth import MEGABYTE, Samples, table
from tests.faults.house import House
from tests.faults.streams import Streams
from tests.running.paths import API
from tests.running.waiting import until

MINUTES = float(os.environ.get("MINUTES", "30"))
STREAMS = 300

EVERY = 5.0
"""Seconds between two samples."""

WARM_UP = 1 / 3
"""Share of the time before the first sample: caches fill, pools open, allocators settle."""

MORE_MEMORY = 10 * MEGABYTE
"""Bytes by which a process may have grown in the time that is measured, by its slope."""

MORE_HANDLES = 5
"""File handles of the same."""

A_JOB = 8_000
"""Bytes that Redis keeps of a job on top: its record for long, its events for a week."""


def processes(house: House) -> dict[str, psutil.Process]:
    """Every process of both machines, by what it is."""
    found = {
        "supervisor": psutil.Process(house.up.pid),
        "worker elsewhere": psutil.Process(house.elsewhere.pid),
    }
    for part in ("worker", "api", "deliverer", "redis"):
        if child := house.child(part):
            found[part] = child
            for number, each in enumerate(child.children(recursive=True)):
                found[f"{part}, child {number} ({each.pid})"] = each
    return found


@pytest.mark.soak
@pytest.mark.timeout(MINUTES * 60 + 1800)
def test_no_process_grows_with_300_streams(tmp_path: Path):
    seats = str(STREAMS + 100)
    house = House(tmp_path / "data", SSE_CLIENTS=seats, SSE_CLIENTS_PER_CALLER=seats)
    receiver, samples = Receiver(), Samples()
    streams = caller = None
    try:
        token = devices.create(house.redis, "anna", owner="anna")[1]
        streams = Streams(house.port, f"{API}/events", token, STREAMS)
        caller = Caller("anna", house.url, token, random.Random(1), receiver.url)
        began = time.monotonic()
        time.sleep(MINUTES * 60 * WARM_UP)
        sent = len(caller.accepted)
        while time.monotonic() < began + MINUTES * 60:
            samples.look(processes(house))
            time.sleep(EVERY)
        measured = len(caller.accepted) - sent
        caller.stop()
        caller.thread.join(60)
        jobs = [job.id for job in caller.accepted]
        until(lambda: all(r and r.status in ENDED for r in read_many(house.redis, jobs)), 300, 0.2)
        until(lambda: {stream.ends for stream in streams.all} == {len(jobs)}, 30, every=0.2)
        told = {stream.ends for stream in streams.all}
    finally:
        for each in (streams, caller, receiver):
            if each:
                each.close()
        house.close()
    found = samples.growth()
    print(f"\n{MINUTES} minutes, {len(jobs)} jobs, {streams.open} of {STREAMS} streams open")
    print(table(found), f"\ncame or went: {samples.passing}")
    assert streams.open == STREAMS
    assert told == {len(jobs)}
    for each in found:
        kept = measured * A_JOB if each.process == "redis" else 0
        assert each.more_memory <= MORE_MEMORY + kept, each
        assert each.more_handles <= MORE_HANDLES, each
