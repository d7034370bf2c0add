"""Starts a program of ours: `python -m MODULE ARGUMENT...` without waiting for torch each time.

It is forked from a process that has imported what it needs (`libraries.py`). All else is as if it
had been started by itself: environment, folder, output, signals, exit code. The tests of the
command (tests/up) start the real thing.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.running.paths import REPOSITORY

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15

SHARED_FORKS = "DARKROOM_TESTS_FORKS"
"""The environment variable that says where the process is that several test processes fork from."""

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["tests.running.processes.libraries"])


def share_forks() -> bool:
    """Start what programs are forked from, for this process and the test processes that it starts:
    to import everything takes ten seconds, and the memory is shared as well. False where Python
    does not let them."""
    server = multiprocessing.forkserver._forkserver
    server.ensure_running()
    # Later Pythons have whoever asks for a fork prove that it may: there each process has its own.
    if hasattr(server, "_forkserver_authkey"):
        return False
    os.environ[SHARED_FORKS] = server._forkserver_address
    return True


def _fork_from(address: str) -> None:
    """Have this process's programs be forked from what another process started."""
    server = multiprocessing.forkserver._forkserver
    server._forkserver_address = address
    # Each program is given it; it is the other process's own that says when all is over.
    server._forkserver_alive_fd = os.pipe()[1]
    server.ensure_running = multiprocessing.resource_tracker.ensure_running


def join_forks() -> None:
    """Fork from where the process that started this one does, if it said where."""
    if address := os.environ.get(SHARED_FORKS):
        _fork_from(address)


join_forks()


class Program:
    """A running program, used as a `subprocess.Popen` is.

    It leads a process group of its own and dies with the run of the tests, however that ends.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        log: Path,
        folder: Path = REPOSITORY,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        whole = {**os.environ, "PYTHONPATH": str(REPOSITORY), **(environment or {})}
        self._process = _forked(module, arguments, whole, folder, (None, log, log))

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the program itself; nothing happens if it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; the exit code. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return code

    def kill(self) -> None:
        """kill -9 of the program and of all that it started; it is gone when this returns."""
        _kill(self._process)


def run(
    module: str,
    *arguments: str,
    given: bytes = b"",
    folder: Path = REPOSITORY,
    environment: Mapping[str, str],
    seconds: float = 120,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end with this environment alone, as `subprocess.run` does: `given` on
    its standard input, and all that it says captured. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory() as name:
        read, said, complained = (Path(name) / each for each in ("in", "out", "err"))
        read.write_bytes(given)
        whole = {**environment, "PYTHONPATH": str(REPOSITORY)}
        process = _forked(module, arguments, whole, folder, (read, said, complained))
        process.join(seconds)
        code = process.exitcode
        _kill(process)
        if code is None:
            raise subprocess.TimeoutExpired(module, seconds)
        words = [sys.executable, "-m", module, *arguments]
        return subprocess.CompletedProcess(words, code, said.read_bytes(), complained.read_bytes())


def run_text(
    module: str, *arguments: str, given: str = "", **options: Any
) -> subprocess.CompletedProcess[str]:
    """The same with text."""
    done = run(module, *arguments, given=given.encode(), **options)
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def _forked(
    module: str,
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    folder: Path,
    standard: tuple[Path | None, Path, Path],
) -> BaseProcess:
    """A process that becomes this program, with its input, output and errors in these files."""
    process = forks.Process(
        target=_become, args=(module, arguments, environment, folder, standard), daemon=True
    )
    process.start()
    return process


def _kill(process: BaseProcess) -> None:
    assert process.pid is not None
    for kill in (os.killpg, os.kill):  # at first it leads no group yet
        with suppress(ProcessLookupError):
            kill(process.pid, signal.SIGKILL)
    process.join()


def _become(
    module: str,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    folder: Path,
    standard: tuple[Path | None, Path, Path],
) -> None:
    os.setsid()
    # Where the tests run in the background of a shell it is ignored, as only the shell meant it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        # What `ps` and `top` call it; all were forked from one that is called something else.
        libc.prctl(PR_SET_NAME, module.encode())
    read, *written = standard
    if read is not None:
        given = os.open(read, os.O_RDONLY)
        os.dup2(given, 0)
        os.close(given)
        sys.stdin = os.fdopen(0, closefd=False)
    for number, file in enumerate(written, 1):
        output = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(output, number)
        os.close(output)
    os.chdir(folder)
    with taken_over(environment, [module, *arguments]):
        runpy.run_module(module, run_name="__main__", alter_sys=True)


@contextmanager
def taken_over(environment: Mapping[str, str], argv: list[str]) -> Iterator[None]:
    """For as long as it runs a process just forked has this environment alone, and these words."""
    os.environ.clear()
    os.environ.update(environment)
    # Not imported here by the test process, which has no use for all that is in it.
    importlib.import_module("tests.running.processes.libraries").adapt()
    sys.argv = argv
    try:
        yield
    finally:
        # A forked process ends without what is to be done at the end.
        atexit._run_exitfuncs()
