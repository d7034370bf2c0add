"""One child process: in a process group of its own, with a log file, and never an orphan."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from jobs.machine_settings import REPOSITORY

LAUNCHER = Path(__file__).with_name("launch.py")

LOG_SIZE = 10_000_000
"""Bytes a log may reach before it is moved to `.1`: days of a busy server, and easy to open."""

LOGS_KEPT = 5
"""Earlier logs that are kept of each process."""


class Process:
    """A running program. It gets `death_signal` when this process dies, however that happens.

    Its output is appended to `log`. A group of its own keeps the terminal's Ctrl-C from it: who
    started it decides when and in which order things end. `keep` are descriptors it inherits. One
    that is `listening` waits on its input until it is told something. Start it from the main
    thread: the kernel watches the thread, not the process.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
        keep: Sequence[int] = (),
        listening: bool = False,
    ) -> None:
        self._begin(command, log)
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(
                [sys.executable, str(LAUNCHER), str(int(death_signal)), str(os.getpid()), *command],
                stdin=subprocess.PIPE if listening else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    **_import_path(),
                    "LOG_FILE": str(self.log),
                    **(environment or {}),
                },
                pass_fds=tuple(keep),
                process_group=0,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def become(self, order: str, *, command: Sequence[str], log: Path) -> None:
        """Tell one that is listening what to be: from now on it is that, with another log.

        `command` would have started it as such. Raises OSError if it has ended.
        """
        assert self._popen.stdin is not None
        self._begin(command, log)
        with self._popen.stdin as listening:
            listening.write(order.encode() + b"\n")

    def _begin(self, command: Sequence[str], log: Path) -> None:
        self.command = list(command)
        self.log = log.absolute()
        self.started = time.monotonic()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            self._log_file = os.fstat(output.fileno()).st_ino

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._popen.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program itself; nothing happens if it has ended."""
        self._popen.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Its exit code, once it has ended. Raises subprocess.TimeoutExpired."""
        return self._popen.wait(seconds)

    def kill_group(self) -> None:
        """End the program and everything it started, at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def stop(self, grace: float) -> int:
        """SIGTERM, then SIGKILL after `grace` seconds; returns the exit code."""
        self.send(signal.SIGTERM)
        try:
            code = self._popen.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill_group()
            code = self._popen.wait()
        self.kill_group()
        return code

    def last_lines(self, count: int = 15) -> str:
        """The end of what this run wrote to its log."""
        try:
            with self.log.open("rb") as log:
                # One that was moved away meanwhile had what came before this run.
                same = os.fstat(log.fileno()).st_ino == self._log_file
                size = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start if same else 0, size - 65536))
                text = log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-count:])


def rotate(log: Path, size: int = LOG_SIZE, kept: int = LOGS_KEPT) -> None:
    """Move a log over `size` bytes to `NAME.1`, the one there to `NAME.2`, and so on.

    Who writes it notices at its next record and begins a new one: LOG_FILE tells it which. What
    was being written just then is in the one that was moved.
    """
    if not log.exists() or log.stat().st_size < size:
        return
    numbered = [log, *(log.with_name(f"{log.name}.{number}") for number in range(1, kept + 1))]
    for older, newer in reversed(list(zip(numbered[1:], numbered, strict=False))):
        if newer.exists():
            newer.replace(older)


def _import_path() -> dict[str, str]:
    """Lets a child import this checkout from whatever folder the command was called in."""
    parts = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(parts)}
