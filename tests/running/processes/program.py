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
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.running.paths import REPOSITORY

PR_SET_PDEATHSIG = 1

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.running.processes.libraries"])


class Program:
    """A running program, used as a `subprocess.Popen` is.

    It leads a process group of its own and dies with the test process, however that ends.
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
        self._process = _forks.Process(
            target=_become, args=(module, arguments, whole, folder, log), daemon=True
        )
        self._process.start()

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
        for kill in (os.killpg, os.kill):  # at first it leads no group yet
            with suppress(ProcessLookupError):
                kill(self.pid, signal.SIGKILL)
        self._process.join()


def _become(
    module: str, arguments: tuple[str, ...], environment: dict[str, str], folder: Path, log: Path
) -> None:
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for standard in (1, 2):
        os.dup2(output, standard)
    os.close(output)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # Not imported here by the test process, which has no use for all that is in it.
    importlib.import_module("tests.running.processes.libraries").adapt()
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        # A forked process ends without what is to be done at the end.
        atexit._run_exitfuncs()
