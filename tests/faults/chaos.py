"""A run of chaos: callers, followers and a witness, while faults happen one after the other."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jobs import devices
from jobs.records.events import ENDED
from jobs.records.record import read
from tests.faults import promises
from tests.faults.callers import Accepted, Caller, Follower, Receiver
from tests.faults.faults import FAULTS, back_after
from tests.faults.house import House
from tests.faults.witness import Times, Witness
from tests.running.waiting import until

OWNERS = ("anna", "bert", "carla")
DRAIN = 600.0
"""Seconds in which all that is left must end once the faults are over, on a busy machine."""


@dataclass
class Chaos:
    """What happens, and what is known of it afterwards."""

    house: House
    chance: random.Random
    witness: Witness
    receiver: Receiver
    callers: list[Caller]
    followers: dict[str, Follower]
    done: Counter[str] = field(default_factory=Counter[str])
    poison: list[Accepted] = field(default_factory=list[Accepted])
    made_again: list[Accepted] = field(default_factory=list[Accepted])
    back: Times = field(default_factory=Times)

    def strike(self, name: str, *, beside: str | None = None) -> None:
        """One fault, or two at the same time, until everything runs again."""
        began = time.monotonic()
        if beside:
            with ThreadPoolExecutor(1) as other:
                struck = other.submit(self._do, beside)
                self._do(name)
                struck.result()
            name = f"{name}, {beside}"
        else:
            self._do(name)
        lasted = time.monotonic() - began
        back = back_after(self.house)
        self.back.add(name, back)
        print(f"{name}: {lasted:.1f} s, the API answered {back:.1f} s later", flush=True)

    def _do(self, name: str) -> None:
        FAULTS[name](self.house, self.chance)
        self.done[name] += 1

    def send_poison(self) -> None:
        """A job that kills its worker whenever it runs, until it has failed for it."""
        job = self.callers[0].send(prompt="poison", steps=60, seed=1, priority="high")
        self.poison.append(job)
        self.done["poison"] += 1
        end = time.monotonic() + DRAIN
        while time.monotonic() < end:
            self.house.tend_elsewhere()
            record = read(self.house.redis, job.id)
            if record and record.status in ENDED:
                return
            if record and record.worker and record.progress and record.progress.step > 1:
                self.house.kill_worker(record.worker, "worker killed by its job")
            time.sleep(0.05)
        raise AssertionError("the job that kills its workers did not end")

    def round(self, name: str, *, beside: str | None = None) -> None:
        """Some quiet, then a fault, and perhaps one of the other machine at the same time."""
        time.sleep(self.chance.uniform(0.5, 3))
        if name == "poison":
            self.send_poison()
        else:
            self.strike(name, beside=beside)

    def settle(self) -> list[Accepted]:
        """Have everything end; the jobs that were accepted."""
        for caller in self.callers:
            caller.stop()
        for caller in self.callers:
            caller.thread.join(120)
            assert not caller.thread.is_alive(), f"{caller.owner} still waits for an answer"
        self.house.tend_elsewhere()
        self.house.wait_until_ready()
        jobs = [job for caller in self.callers for job in caller.accepted]
        redis = self.house.redis
        until(lambda: not redis.zcard("darkroom:open"), DRAIN, every=0.1)
        until(lambda: not redis.zcard("darkroom:webhooks:due"), 60, every=0.1)
        self._let_followers_hear(jobs)
        return jobs

    def _let_followers_hear(self, jobs: Sequence[Accepted]) -> None:
        """Give them time to come back; what they miss then is a broken promise."""
        told = {owner: each.ends for owner, each in self.followers.items()}
        end = time.monotonic() + 30
        while any(not told[job.owner][job.id] for job in jobs) and time.monotonic() < end:
            time.sleep(0.1)

    def remade(self, jobs: Sequence[Accepted], most: int) -> tuple[int, list[str]]:
        """Make some jobs again that lost a worker; how many, and what came out different."""
        records = zip(jobs, promises.records_of(self.house.redis, jobs), strict=True)
        lost = [
            (job, record)
            for job, record in records
            if record
            and record.status == "succeeded"
            and record.attempts > 1
            and "exact" in job.asked
        ][:most]
        wrong: list[str] = []
        for job, first in lost:
            asked = {key: value for key, value in job.asked.items() if key != "webhook"}
            again = self.callers[0].send(**asked)
            self.made_again.append(again)
            until(lambda again=again: self._ended(again), 120, every=0.05)
            second = read(self.house.redis, again.id)
            assert second
            if not promises.equal_pictures(first, second, self.house.store):
                wrong.append(f"job {job.id} and {again.id} made different pictures of {asked}")
        self._let_followers_hear(self.made_again)
        return len(lost), wrong

    def _ended(self, job: Accepted) -> bool:
        record = read(self.house.redis, job.id)
        return record is not None and record.status in ENDED

    def broken(self, sent: Sequence[Accepted]) -> list[str]:
        """Every promise that does not hold."""
        jobs = [*sent, *self.made_again]
        redis, house = self.house.redis, self.house
        records = promises.records_of(redis, jobs)
        poison = {job.id for job in self.poison}
        found = [
            f"the job that kills its workers {record.status} after {record.attempts} attempts"
            for record in filter(None, records)
            if record.id in poison and (record.status, record.attempts) != ("failed", 3)
        ]
        found += [f"{caller.owner}: {each}" for caller in self.callers for each in caller.refused]
        found += promises.every_job_ended_for_a_true_reason(records, jobs, self.witness, house)
        found += promises.each_has_one_result(redis, records, house.store)
        found += promises.nobody_has_more_jobs_than_were_accepted(redis, jobs)
        found += promises.every_end_was_told_once(jobs, self.followers)
        found += promises.every_webhook_came(jobs, self.receiver)
        found += promises.nothing_is_left(redis)
        found += promises.nobody_ended_by_itself(house)
        return found

    def times(self) -> Iterator[str]:
        """From the death of a worker to its jobs waiting again, and to their running again."""
        requeued, running = Times(), Times()
        for worker, (kind, at) in self.house.dead.items():
            for attempt in self.witness.held(worker, at):
                if attempt.gone is None:
                    continue
                requeued.add(kind, attempt.gone - at)
                if later := self.witness.next_of(attempt):
                    running.add(kind, later.first - at)
        yield requeued.table("Seconds until its jobs wait again")
        yield running.table("Seconds until its jobs run again")
        yield self.back.table("Seconds until the API takes requests again")


@contextmanager
def chaos(data: Path, seed: int, store: str = "folder") -> Iterator[Chaos]:
    """A whole Darkroom with callers, for as long as the block lasts."""
    chance = random.Random(seed)
    house = House(data, store)
    receiver = Receiver()
    witness = Witness(f"redis://127.0.0.1:{house.redis_port}/0")
    try:
        tokens = {owner: devices.create(house.redis, owner, owner=owner)[1] for owner in OWNERS}
        followers = {
            owner: Follower(house.url, token, random.Random(chance.random()))
            for owner, token in tokens.items()
        }
        until(lambda: all(each.connections for each in followers.values()))
        callers = [
            Caller(owner, house.url, token, random.Random(chance.random()), receiver.url)
            for owner, token in tokens.items()
        ]
        running = Chaos(house, chance, witness, receiver, callers, followers)
        try:
            yield running
        finally:
            for each in (*callers, *followers.values()):
                each.close()
    finally:
        witness.stop()
        house.close()
        receiver.close()


def report(run: Chaos, jobs: Sequence[Accepted], seed: int, remade: int) -> str:
    """What happened, for whoever reads the output."""
    outcomes = Counter(
        record.status if record else "gone" for record in promises.records_of(run.house.redis, jobs)
    )
    waits = Times()
    for caller in run.callers:
        for each in caller.waits:
            waits.add("all callers", each)
    faults = ", ".join(f"{name} {count}" for name, count in sorted(run.done.items()))
    return "\n".join(
        [
            f"seed {seed}: {sum(run.done.values())} faults ({faults})",
            f"pictures in {run.house.store.kind}",
            f"{len(jobs)} jobs accepted: {dict(outcomes)}; {remade} made again and compared",
            *run.times(),
            waits.table("Seconds until a job is accepted"),
            f"threads left: {threading.active_count()}",
        ]
    )
