"""A Redis that speaks TLS: by itself where one here can, and through a relay anywhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis.exceptions import RedisError

from darkroom.network import tls
from jobs.connection import connect
from jobs.machine_settings import REPOSITORY
from jobs.whereabouts.here import AUTHORITY
from tests.running.addresses import free_port
from tests.running.services.redis import redis_in
from tests.running.waiting import until


@contextmanager
def through_a_relay(folder: Path) -> Iterator[str]:
    """The URL of a Redis before which something else speaks TLS, as in many clouds."""
    port, pem = free_port(), _certified(folder) / tls.SERVER
    with redis_in(folder / "redis") as server:
        command = [sys.executable, "-m", "tests.running.services.tls_relay"]
        command += [str(port), str(server.port), str(pem)]
        with _running(command, port, folder) as url:
            yield url


@contextmanager
def by_itself(folder: Path) -> Iterator[str]:
    """The URL of a redis-server that speaks TLS. Raises FileNotFoundError where none here can."""
    program = shutil.which("redis-server")
    if program is None:
        raise FileNotFoundError("there is no redis-server on the PATH")
    port, certificates = free_port(), _certified(folder)
    pem, authority = str(certificates / tls.SERVER), str(certificates / AUTHORITY)
    command = [program, "--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
    command += ["--tls-cert-file", pem, "--tls-key-file", pem, "--tls-ca-cert-file", authority]
    command += ["--dir", str(folder), "--appendonly", "yes", "--save", ""]
    with _running(command, port, folder) as url:
        yield url


@contextmanager
def _running(command: list[str], port: int, folder: Path) -> Iterator[str]:
    url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={folder / 'tls' / AUTHORITY}"
    with (folder / "tls.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=REPOSITORY)
    try:
        until(lambda: process.poll() is not None or _answers(url))
        if process.poll() is not None:
            raise FileNotFoundError(f"{command[0]} speaks no TLS")
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    with connect(url, retries=0) as redis:
        try:
            return bool(redis.ping())
        except RedisError:
            return False


def _certified(folder: Path) -> Path:
    tls.ensure(folder / "tls", ["localhost", "127.0.0.1"])
    return folder / "tls"
