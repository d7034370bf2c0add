"""Everything that can break does, in an order that a seed decides; every promise holds after it.

`make chaos` runs the long one: MINUTES=60 SEED=7 make chaos; STORE=s3 keeps the pictures in S3.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.faults.chaos import Chaos, chaos, report
from tests.faults.faults import BESIDE, FAULTS, QUICK

MINUTES = float(os.environ.get("MINUTES", "10"))
SEED = int(os.environ.get("SEED", "1"))
STORE = os.environ.get("STORE", "folder")


def finish(run: Chaos, seed: int, most: int = 12) -> None:
    """Have all jobs end, say what happened, and hold every promise; of the jobs that lost a worker
    so many at most are made again."""
    jobs = run.settle()
    remade, wrong = run.remade(jobs, most)
    wrong += run.broken(jobs)
    print(report(run, jobs, seed, remade))
    wrong += run.house.stop()
    assert not wrong, "\n".join(wrong[:40])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_few_faults_break_no_promise(tmp_path: Path):
    with chaos(tmp_path / "data", seed=3) as run:
        for name in ("kill worker", random.Random(3).choice(QUICK)):
            run.round(name)
        finish(run, 3, most=1)


@pytest.mark.chaos
@pytest.mark.timeout(MINUTES * 60 + 3600)
def test_faults_for_a_long_time_break_no_promise(tmp_path: Path):
    with chaos(tmp_path / "data", SEED, STORE) as run:
        order, end = random.Random(SEED), time.monotonic() + MINUTES * 60
        names = [*FAULTS, "poison"]
        if run.house.store.disk is None:
            names.remove("fill disk")
        while time.monotonic() < end:
            # Each at least once before any comes again.
            for name in order.sample(names, len(names)):
                twice = name not in BESIDE and order.random() < 0.3
                run.round(name, beside=order.choice(BESIDE) if twice else None)
                if time.monotonic() > end:
                    break
        finish(run, SEED)
