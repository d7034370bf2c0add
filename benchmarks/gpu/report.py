"""What a part found, written as it goes: a run that is ended early still has its figures."""

from __future__ import annotations

import argparse
import errno
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import torch

from benchmarks import RESULTS, ROOT, save
from benchmarks.gpu.arms.child import TookTooLong
from benchmarks.gpu.card import Card, give_back, there

SECONDS = 220.0
"""Of four minutes, without a program's start and its end."""


def parser(part: str, says: str | None) -> argparse.ArgumentParser:
    """Options that every part has. Without a card what comes of it is kept apart from results."""
    found = argparse.ArgumentParser(prog=f"gpu.sh {part}", description=says)
    found.add_argument("--seconds", type=float, default=SECONDS, help="when nothing is begun more")
    folder = RESULTS if there() else ROOT / "build" / "bench"
    out = folder / f"gpu-{part}.json"
    found.add_argument(
        "--out", "--output", type=writable, default=str(out), help="a file for the figures, as JSON"
    )
    return found


def writable(said: str) -> Path:
    """The file of that name, into which figures can be put. Raises ArgumentTypeError before
    minutes are spent on what could not be kept."""
    file = Path(said)
    try:
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        file.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=file.parent):
            return file
    except OSError as error:
        why = f"{file} cannot be written: {error.strerror}"
        raise argparse.ArgumentTypeError(why) from error


class NoTime(Exception):
    """What there was is over; what was to be done now is left out."""


class Report:
    """Figures by name, kept in a file after each; what could not be measured is said among them."""

    def __init__(self, card: Card, out: Path, seconds: float, *, more: bool = False) -> None:
        """With `more` what an earlier run on this card left in the file stays, and is added to."""
        self.card = card
        self.result: dict[str, Any] = card.described()
        before = _figures(out) if more else {}
        if before.get("card") == card.name:
            self.result = before | self.result
        self._said: dict[str, str] = self.result.get("not_measured", {})
        self._failed: list[str] = []
        self._out = out
        self._began = time.monotonic()
        self._seconds = seconds

    @property
    def left(self) -> float:
        """Seconds that there are still."""
        return self._began + self._seconds - time.monotonic()

    @property
    def errors(self) -> list[str]:
        """What failed, but for want of time or room."""
        return list(self._failed)

    def keep(self, *path: str, value: Any) -> None:
        """A figure under these names, one inside the other, is in the file from now on."""
        *outer, last = path
        place = self.result
        for name in outer:
            place = place.setdefault(name, {})
        place[last] = value
        self.result["took_s"] = round(time.monotonic() - self._began, 1)
        save(self.result, self._out)

    def say(self, name: str, why: str) -> None:
        """Something of this name was not measured."""
        self._said[name] = why
        print(f"{name}: {why}", flush=True)
        self.keep("not_measured", value=self._said)

    def ended(self) -> int:
        """Says where the figures are; the exit status, 1 where something failed."""
        if not self.card.real:
            print("There is no card: none of this says anything.")
        print(f"{self.card.name}: {self._out}")
        return 1 if self._failed else 0

    def attempt(self, name: str, work: Callable[[], object], needs: float = 1.0) -> bool:
        """Does a piece of the work where there are `needs` seconds left; whatever is wrong with it,
        what comes after it is done. Whether it came to its end."""
        began = time.monotonic()
        try:
            if self.left < needs:
                raise NoTime
            work()
            self.card.check()
            self._said.pop(name, None)
        except NoTime:
            self.say(name, "no time")
        except (torch.OutOfMemoryError, MemoryError):
            self.say(name, "no room")
        except TookTooLong as error:
            self.say(name, str(error))
        except Exception as error:
            self._failed.append(name)
            self.say(name, f"{type(error).__name__}: {error}"[:600])
        else:
            print(f"{name}: {time.monotonic() - began:.1f} s", flush=True)
            return True
        finally:
            give_back()
        return False


def _figures(file: Path) -> dict[str, Any]:
    """Those of an earlier run; none where there are none to be read."""
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        print(f"{file} has no figures to add to ({error}): it is written anew", flush=True)
        return {}
