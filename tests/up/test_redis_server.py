"""The Redis that `darkroom up` brings: real servers, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from redis.exceptions import RedisError

from darkroom.supervision import redis_server
from darkroom.supervision.process import Process
from darkroom.supervision.redis_server import DataInUse, Program, RedisMissing, RedisServer
from jobs.connection import connect
from jobs.machine_settings import REPOSITORY
from tests.running.services.redis import redis_in
from tests.running.waiting import until


def test_what_was_written_is_there_after_a_kill_and_a_restart_on_the_same_port(
    tmp_path: Path,
) -> None:
    with RedisServer(tmp_path) as first:
        connect(first.url).set("job", "accepted")
        assert first.process
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.stop(5)

    with RedisServer(tmp_path) as second:
        assert connect(second.url).get("job") == b"accepted"
        assert second.port == first.port


def test_it_is_append_only_and_listens_on_loopback_alone(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        _, problems = redis_server.check(server.url)
        assert problems == []
        assert server.process
        listening = {
            each.laddr.ip
            for each in psutil.Process(server.process.pid).net_connections()
            if each.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}


def test_a_second_server_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with RedisServer(tmp_path), pytest.raises(DataInUse, match="is using"):
        RedisServer(tmp_path, patience=0.2).start()


def test_it_ends_with_its_data_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from darkroom.supervision.redis_server import RedisServer\n"
        "server = RedisServer(Path(sys.argv[1])).start()\n"
        "print(server.url, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    with parent:
        assert parent.stdout
        connect(parent.stdout.readline().strip()).set("job", "accepted")
        parent.kill()

    # Starts only once the orphan has let go of the folder.
    with RedisServer(tmp_path, patience=20) as after:
        assert connect(after.url).get("job") == b"accepted"


def test_a_taken_port_is_left_to_its_owner(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (tmp_path / "port").write_text(str(taken.getsockname()[1]))
        with RedisServer(tmp_path) as server:
            assert server.port != taken.getsockname()[1]


def test_a_redis_that_would_lose_jobs_is_named(tmp_path: Path) -> None:
    port = _free_port()
    program = next(redis_server.programs()).path
    options = ["--port", str(port), "--save", "", "--maxmemory", "50mb"]
    options += ["--maxmemory-policy", "allkeys-lru", "--dir", str(tmp_path)]
    process = Process([program, *options], log=tmp_path / "log")
    try:
        url = f"redis://127.0.0.1:{port}/0"
        _wait_for(url)
        _, problems = redis_server.check(url)
        assert any("appendonly is off" in problem for problem in problems)
        assert any("maxmemory-policy is allkeys-lru" in problem for problem in problems)
    finally:
        process.stop(5)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "appendonlydir"
    broken.mkdir()
    (broken / "appendonly.aof.manifest").write_text("this is no manifest\n")

    with pytest.raises(RedisMissing, match=r"(?s)does not start.*manifest"):
        RedisServer(tmp_path).start()


@pytest.mark.parametrize(
    ("reader", "writer", "reads"),
    [
        (("redis", (7, 0, 15)), ("redis", (6, 2, 0)), True),
        (("redis", (7, 0, 15)), ("redis", (7, 2, 0)), False),
        (("valkey", (8, 0, 0)), ("redis", (7, 2, 4)), True),
        (("valkey", (9, 1, 0)), ("redis", (8, 0, 0)), False),
        (("redis", (8, 0, 0)), ("valkey", (7, 2, 5)), False),
    ],
)
def test_a_program_reads_only_what_its_elders_wrote(
    reader: tuple[str, tuple[int, ...]], writer: tuple[str, tuple[int, ...]], reads: bool
) -> None:
    assert Program("a", *reader).can_read(Program("b", *writer)) is reads


def test_the_program_on_the_path_comes_first_where_there_are_no_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put_on_path(tmp_path, monkeypatch, "7.0.15")

    assert RedisServer(tmp_path / "data").program.version == (7, 0, 15)


def test_a_program_that_is_too_old_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put_on_path(tmp_path, monkeypatch, "6.0.16")

    assert all(program.version != (6, 0, 16) for program in redis_server.programs())


def test_a_redis_that_was_installed_later_does_not_take_over_data_it_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RedisServer(tmp_path / "data") as first:
        pass
    _put_on_path(tmp_path, monkeypatch, "6.2.0")

    assert RedisServer(tmp_path / "data").program == first.program


def test_data_that_no_program_here_can_read_are_not_replaced_by_empty_ones(tmp_path: Path) -> None:
    note = {"path": "/usr/bin/redis-server", "kind": "redis", "version": [99, 0, 0]}
    (tmp_path / "written-by.json").write_text(json.dumps(note))

    with pytest.raises(RedisMissing, match=r"written by redis 99\.0\.0, which .* cannot read"):
        RedisServer(tmp_path)


def _put_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """A redis-server program on the PATH that tells this version."""
    program = folder / "bin" / "redis-server"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0 bits=64'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            connect(url).execute_command("PING")
            return
        except RedisError:
            time.sleep(0.05)
    raise TimeoutError(url)


def test_its_log_may_be_moved_away(tmp_path: Path) -> None:
    with redis_in(tmp_path / "redis") as server:
        log, moved = server.log, tmp_path / "moved"
        assert "Ready to accept" in log.read_text()
        log.rename(moved)
        with connect(server.url) as redis:
            redis.bgrewriteaof()
            until(log.exists)
        assert "rewriting" in log.read_text()
        assert "rewriting" not in moved.read_text()
