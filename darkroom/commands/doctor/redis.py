"""What `darkroom doctor` looks at in a Redis that answers: persistence, clock, memory, clients."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from redis import Redis

from darkroom.commands.doctor.findings import Finding, bad, good, warn
from jobs.settings import Settings

CLOCK_SECONDS = 1.0
"""More than this is no matter of how long the question took."""

CLOCK_WRONG = 5.0
"""From here on jobs of a worker that lives may be taken for a dead one's."""

NEARLY_FULL = 0.8
FULL = 0.95
"""Of its memory limit; at the limit Redis refuses new jobs."""

WORKER_CLIENTS = 8
"""Connections of one worker: each of its threads has one."""


def running_redis(client: Redis, chosen: Settings) -> Iterator[Finding]:
    """Raises redis.exceptions.RedisError."""
    info = dict(client.info("everything"))
    yield from persistence(info)
    yield clock(client)
    yield memory(info)
    yield clients(info, chosen)


def persistence(info: dict[str, Any]) -> Iterator[Finding]:
    """Whether accepted jobs survive the end of Redis, and of the machine."""
    if not info.get("aof_enabled"):
        yield bad("keeps", "appendonly is off: accepted jobs are lost when this Redis stops.")
    elif info.get("aof_last_write_status", "ok") != "ok":
        yield bad("keeps", "Its last write to disk failed. Is the disk full?")
    elif info.get("aof_last_bgrewrite_status", "ok") != "ok":
        yield warn("keeps", "Rewriting its append-only file failed: the file grows without end.")
    else:
        yield good("keeps", "append-only file on, last write well.")


def clock(client: Redis) -> Finding:
    """How far this machine's clock is from Redis's, by whose time jobs are kept."""
    asked = time.time()
    seconds, micro = client.time()
    answered = time.time()
    ahead = (asked + answered) / 2 - (seconds + micro / 1e6)
    # Half the way there and back is all that the asking can hide.
    apart = max(0.0, abs(ahead) - (answered - asked) / 2)
    if apart <= CLOCK_SECONDS:
        return good("clock", f"within {CLOCK_SECONDS:.0f} s of Redis's.")
    where = "ahead of" if ahead > 0 else "behind"
    says = f"this machine's is {apart:.0f} s {where} Redis's: set both by NTP."
    return bad("clock", says) if apart >= CLOCK_WRONG else warn("clock", says)


def memory(info: dict[str, Any]) -> Finding:
    """How near Redis is to the limit at which it refuses new jobs."""
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if not most:
        return good("room", f"{used / 1e6:.0f} MB used, without a limit.")
    says = f"{used / 1e6:.0f} of {most / 1e6:.0f} MB used (maxmemory)."
    if policy != "noeviction":
        return bad("room", f"{says} maxmemory-policy is {policy}: a full memory would drop jobs.")
    if used >= FULL * most:
        return bad(
            "room", f"{says} New jobs are refused: delete jobs, set KEEP_DAYS, or give more."
        )
    if used >= NEARLY_FULL * most:
        return warn("room", f"{says} At the limit new jobs are refused; see KEEP_DAYS.")
    return good("room", says)


def clients(info: dict[str, Any], chosen: Settings) -> Finding:
    """Whether Redis takes as many connections as all processes here may open."""
    most, now = int(info.get("maxclients", 0)), int(info.get("connected_clients", 0))
    wanted = chosen.api_processes * chosen.api_connections + max(1, chosen.workers) * WORKER_CLIENTS
    says = f"{now} of {most} connections open; API and workers here may open {wanted}."
    if most and wanted > most:
        return bad("clients", f"{says} Raise maxclients, or lower API_PROCESSES or SSE_CLIENTS.")
    if most and now >= NEARLY_FULL * most:
        return warn("clients", f"{says} Who comes when there are {most} is refused.")
    return good("clients", says)
