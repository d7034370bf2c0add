"""The one `darkroom up` of a data folder: its lock, and what the others may know of it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from pydantic import BaseModel, ValidationError

from jobs.settings import Settings


class State(BaseModel):
    """What a running `darkroom up` says of itself, in DATA/up.json: no secret."""

    pid: int
    url: str
    redis_url: str = ""
    ready: bool = False
    workers: list[str] = []


class AlreadyRunning(Exception):
    """Another `darkroom up` has this data folder: this one says so and ends well."""

    def __init__(self, state: State | None) -> None:
        super().__init__()
        self.state = state


class Instance:
    """Holds the data folder for this process. Raises AlreadyRunning where another has it."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._path = data / "up.json"
        # The lock goes with the process, however it ends; the file's text may be left over.
        self._lock = os.open(data / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise AlreadyRunning(read_state(data)) from None
        self.left_over = read_state(data)
        """What an earlier one left that did not end by itself: kill -9, or a power cut."""

    def tell(self, state: State) -> None:
        """Let others read this state from now on."""
        new = self._path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with open(new, "x", opener=_for_the_owner) as file:
            file.write(state.model_dump_json(indent=2) + "\n")
        new.replace(self._path)

    def close(self) -> None:
        """Ended well: nothing is left over."""
        self._path.unlink(missing_ok=True)
        os.close(self._lock)


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def read_state(data: Path) -> State | None:
    """The state last told in this data folder, whether or not its process still lives."""
    try:
        return State.model_validate_json((data / "up.json").read_text())
    except (OSError, ValidationError):
        return None


def redis_url(chosen: Settings) -> str | None:
    """The Redis to talk to from outside of `darkroom up`: REDIS_URL, else the one it started."""
    state = read_state(chosen.data)
    return chosen.redis_url or (state.redis_url if state else None) or None
