"""A program beside this one that does what a line of JSON says and answers with one, in time."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from benchmarks import ROOT

NO_ROOM = "no room on the card"
"""The error of a program whose card is full."""


LIBC: Any = ctypes.CDLL(None) if sys.platform == "linux" else None

PR_SET_PDEATHSIG = 1


class TookTooLong(Exception):
    """An answer that did not come in its time; the program was ended."""


class Child:
    """A module as a program of its own, in the environment as it was given to us, with `more`.

    Where it ends by itself, the last line that it wrote to `log` is the error.
    """

    def __init__(
        self, module: str, options: Sequence[str], log: Path, more: Mapping[str, str] | None = None
    ) -> None:
        self._log = log
        self._module = module
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *options],
                cwd=ROOT,
                env=os.environ | dict(more or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                preexec_fn=_end_with_parent if LIBC else None,
            )
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def ready(self, seconds: float) -> None:
        """Wait until it says that it is. Raises TookTooLong, or RuntimeError where it ended."""
        while self._next(seconds) != "ready":
            pass

    def ask(self, within: float, /, **asked: Any) -> dict[str, Any]:
        """Its answer. Raises TookTooLong, MemoryError where the card had no room, or RuntimeError
        where it ended or says another `error`."""
        self._send(asked)
        while not (line := self._next(within)).startswith("{"):
            pass
        answer = json.loads(line)
        if answer.get("error") == NO_ROOM:
            raise MemoryError
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def save(self, file: Path, seconds: float) -> None:
        """Have it write the pictures that it made last, as numbers."""
        self._send({"save": str(file)})
        while self._next(seconds) != "saved":
            pass

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _send(self, asked: Mapping[str, Any]) -> None:
        if self._process.stdin is None or self._process.stdin.closed:
            raise self._ended()
        try:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._ended() from error

    def _next(self, seconds: float) -> str:
        try:
            line = self._lines.get(timeout=max(0.0, seconds))
        except Empty:
            self.close()
            raise TookTooLong(f"not within {seconds:.0f} s") from None
        if line is None:
            raise self._ended()
        return line

    def _ended(self) -> RuntimeError:
        lines = self._log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        return RuntimeError(f"{self._module} ended: {lines[-1]}")

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line.strip())
        self._lines.put(None)


def _end_with_parent() -> None:
    # Else it would load and compile on, beside the next run.
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
