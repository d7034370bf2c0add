"""What is done to the processes: each fault ends with what it broke being whole again.

Killed children of the supervisor are its own to replace; the worker of the other machine is
started again by the test, as whoever owns that machine would.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import httpx
import psutil
from redis.exceptions import RedisError

from tests.faults.house import House
from tests.running.waiting import until

Fault = Callable[[House, random.Random], None]


def kill_worker(house: House, chance: random.Random) -> None:
    """kill -9 of the supervised worker."""
    if name := house.own_worker_name():
        house.kill_worker(name, "supervised worker killed")


def kill_spare(house: House, chance: random.Random) -> None:
    """kill -9 of the worker in reserve, perhaps just before it is needed."""
    if process := house.spare():
        _signal([process], signal.SIGKILL)
        house.wait_for_death(process)
    if chance.random() < 0.5:
        kill_worker(house, chance)


def kill_elsewhere(house: House, chance: random.Random) -> None:
    """The other machine vanishes, and is back after some seconds."""
    house.note_death(house.elsewhere_name, "machine vanished")
    house.elsewhere.kill()
    time.sleep(chance.uniform(0, 15))
    house.restart_elsewhere()


def pause_worker(house: House, chance: random.Random) -> None:
    """SIGSTOP of the supervised worker, also for longer than a lease."""
    if process := house.child("worker"):
        _pause(process, chance.choice([1.0, 5.0, 14.0]))


def pause_elsewhere(house: House, chance: random.Random) -> None:
    """SIGSTOP of the other machine's worker."""
    house.elsewhere.send_signal(signal.SIGSTOP)
    time.sleep(chance.choice([1.0, 5.0, 14.0]))
    house.elsewhere.send_signal(signal.SIGCONT)


def cut_off_elsewhere(house: House, chance: random.Random) -> None:
    """The other machine's network is gone for a while, also for longer than a lease."""
    house.relay.cut()
    time.sleep(chance.choice([2.0, 8.0, 16.0]))
    house.relay.mend()


def kill_redis(house: House, chance: random.Random) -> None:
    """kill -9 of Redis."""
    _kill(house, "redis")


def hang_redis(house: House, chance: random.Random) -> None:
    """Redis answers nobody for a while, also for longer than a lease."""
    if process := house.child("redis"):
        _pause(process, chance.choice([2.0, 6.0, 13.0]))


def fill_redis(house: House, chance: random.Random) -> None:
    """Redis is at its memory limit."""
    with suppress(RedisError):
        house.redis.config_set("maxmemory", 1)
    time.sleep(chance.uniform(2, 6))
    with suppress(AssertionError):
        until(lambda: _unlimited(house), 60, every=0.2)


def kill_api(house: House, chance: random.Random) -> None:
    """kill -9 of gunicorn's master."""
    _kill(house, "api")


def pause_api(house: House, chance: random.Random) -> None:
    """SIGSTOP of the API with all its processes."""
    if process := house.child("api"):
        family = [process]
        with suppress(psutil.Error):
            family += process.children(recursive=True)
        _signal(family, signal.SIGSTOP)
        time.sleep(chance.uniform(1, 8))
        _signal(family, signal.SIGCONT)


def reload_api(house: House, chance: random.Random) -> None:
    """A rolling restart."""
    if process := house.child("api"):
        _signal([process], signal.SIGHUP)


def kill_deliverer(house: House, chance: random.Random) -> None:
    """kill -9 of what sends webhooks."""
    _kill(house, "deliverer")


def pause_deliverer(house: House, chance: random.Random) -> None:
    """SIGSTOP of what sends webhooks."""
    if process := house.child("deliverer"):
        _pause(process, chance.uniform(1, 6))


def kill_supervisor(house: House, chance: random.Random) -> None:
    """kill -9 of the supervisor, which takes everything of its machine with it."""
    children = house.children()
    if name := house.own_worker_name():
        house.note_death(name, "supervisor killed")
    os.kill(house.up.pid, signal.SIGKILL)
    for each in children:
        house.wait_for_death(each)
    house.restart_up()


def pause_supervisor(house: House, chance: random.Random) -> None:
    """SIGSTOP of the supervisor."""
    _pause(psutil.Process(house.up.pid), chance.uniform(1, 8))


def stop_twice(house: House, chance: random.Random) -> None:
    """Two Ctrl-C, at once or soon: pictures under way go back to their lanes."""
    house.up.send_signal(signal.SIGINT)
    time.sleep(chance.choice([0.0, 0.1, 1.0]))
    house.up.send_signal(signal.SIGINT)
    house.restart_up()


def stop_elsewhere_twice(house: House, chance: random.Random) -> None:
    """Two SIGTERM to the other machine's worker, the second before the first was heard or after."""
    house.elsewhere.send_signal(signal.SIGTERM)
    time.sleep(chance.choice([0.0, 0.05, 1.0]))
    house.elsewhere.send_signal(signal.SIGTERM)
    house.restart_elsewhere()


def fill_disk(house: House, chance: random.Random) -> None:
    """No room for pictures."""
    if disk := house.store.disk:
        disk.fill()
        time.sleep(chance.uniform(2, 6))
        disk.empty()


def take_store_away(house: House, chance: random.Random) -> None:
    """The store of pictures does not answer, or its folder is not there."""
    house.store.take_away()
    time.sleep(chance.choice([2.0, 6.0, 20.0]))
    house.store.give_back()


def vanish(house: House, chance: random.Random) -> None:
    """Clients that leave in the middle of their request, or of what they are told."""
    body = b'{"prompt": "red apple", "steps": 2}'
    head = (
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    stream = b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for said in (head[:30], head, head + body[:10], head + body, stream, stream) * 3:
        with suppress(OSError), house.connect_raw() as connection:
            connection.sendall(said)
            connection.settimeout(0.2)
            if chance.random() < 0.5:
                connection.recv(100)


FAULTS: dict[str, Fault] = {
    each.__name__.replace("_", " "): each
    for each in (
        kill_worker,
        kill_spare,
        kill_elsewhere,
        pause_worker,
        pause_elsewhere,
        cut_off_elsewhere,
        kill_redis,
        hang_redis,
        fill_redis,
        kill_api,
        pause_api,
        reload_api,
        kill_deliverer,
        pause_deliverer,
        kill_supervisor,
        pause_supervisor,
        stop_twice,
        stop_elsewhere_twice,
        fill_disk,
        take_store_away,
        vanish,
    )
}

QUICK = ("vanish", "kill redis", "kill api", "stop elsewhere twice", "fill disk")
"""Those that are over in a moment, and that one meets most often, beside the death of a worker."""

BESIDE = (
    "kill elsewhere",
    "pause elsewhere",
    "cut off elsewhere",
    "stop elsewhere twice",
    "vanish",
)
"""Those that leave this machine alone, so that another may happen there at the same time."""


def back_after(house: House, seconds: float = 240) -> float:
    """Seconds until the API takes requests again and both workers live."""
    began = time.monotonic()
    until(lambda: _serves(house), seconds, every=0.05)
    serves = time.monotonic() - began
    house.wait_until_ready()
    return serves


def _serves(house: House) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{house.url}/jobs", timeout=2, params={"limit": 1}).status_code == 200
    return False


def _kill(house: House, part: str) -> None:
    if process := house.child(part):
        _signal([process], signal.SIGKILL)
        house.wait_for_death(process)


def _pause(process: psutil.Process, seconds: float) -> None:
    _signal([process], signal.SIGSTOP)
    time.sleep(seconds)
    _signal([process], signal.SIGCONT)


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for each in processes:
        with suppress(psutil.Error):
            each.send_signal(number)


def _unlimited(house: House) -> bool:
    with suppress(RedisError):
        return bool(house.redis.config_set("maxmemory", 0))
    return False
