"""How far a job is, on a terminal or in a log."""

from __future__ import annotations

import shutil
import sys


class Bar:
    """A progress bar on a terminal; elsewhere a line when the status changes."""

    def __init__(self, which: str = "") -> None:
        self._which = which
        self._live = sys.stderr.isatty()
        self._status = ""

    def show(self, status: str, step: int = 0, steps: int = 0) -> None:
        """Draw `step` of `steps`, or the status alone where there is nothing to count yet."""
        if self._live:
            width = max(10, min(40, shutil.get_terminal_size().columns - 32))
            done = width * step // steps if steps else 0
            count = f" {step}/{steps} steps" if steps else ""
            bar = "#" * done + "." * (width - done)
            text = f"\r{self._which}[{bar}] {status}{count}\033[K"
            print(text, end="", file=sys.stderr, flush=True)
            return
        # A line a percent would be a hundred of them.
        status = status.partition(",")[0]
        if status != self._status:
            print(self._which + status, file=sys.stderr, flush=True)
        self._status = status

    def close(self) -> None:
        """Clear the bar."""
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
