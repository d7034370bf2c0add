"""What each caller has had of the device, and who is to have more of it.

Start-time fair queueing (Goyal, Vin and Cheng, "Start-time Fair Queueing", SIGCOMM 1996). A caller
has a tag: the device seconds spent on his pictures, each divided by the weight of its priority.
Whoever has the least goes first. The virtual time is the least tag of those who wait; who comes
with nothing under way begins there, or where he left if that is later, so that nobody saves up by
staying away, and nobody gains by leaving and coming back.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from threading import Lock

AHEAD = 30.0
"""The most weighted seconds by which anybody counts as being ahead of the least: whoever had much
of another machine's time is not made to wait for ever on this one."""


@dataclass(frozen=True)
class Charge:
    """Weighted device seconds of one caller, and the tag that he had before the first of them."""

    start: float
    seconds: float


class Shares:
    """The tags of this engine's callers. The engine's thread charges; any other may `take` what was
    charged since the last time, to keep it where others see it, and `learn` what they had."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._tags: dict[str, float] = {}
        self._charged: defaultdict[str, float] = defaultdict(float)
        self._starts: dict[str, float] = {}
        self._kept: dict[str, float] = {}
        self._now = 0.0

    @property
    def now(self) -> float:
        """The virtual time."""
        return self._now

    def join(self, caller: str) -> None:
        """A caller who had nothing under way comes."""
        with self._lock:
            had = self._tags.get(caller, self._now)
            self._tags[caller] = min(max(had, self._now), self._now + AHEAD)

    def tag(self, caller: str) -> float:
        """What the caller has had."""
        with self._lock:
            return max(self._now, self._tags.get(caller, self._now))

    def wait(self, callers: Collection[str]) -> None:
        """These are all who wait for the device now: virtual time is the least of their tags."""
        with self._lock:
            self._now = max(self._now, min(self._tags.get(each, self._now) for each in callers))

    def charge(self, caller: str, seconds: float) -> None:
        """The device worked for this caller, for so many weighted seconds."""
        with self._lock:
            before = self._tags.get(caller, self._now)
            self._tags[caller] = before + seconds
            self._starts.setdefault(caller, before)
            self._charged[caller] += seconds

    def take(self) -> dict[str, Charge]:
        """What was charged since the last time, by caller."""
        with self._lock:
            taken = {
                caller: Charge(self._starts[caller], seconds)
                for caller, seconds in self._charged.items()
            }
            for caller, charge in taken.items():
                self._kept[caller] = max(self._kept.get(caller, 0.0), charge.start) + charge.seconds
            self._charged.clear()
            self._starts.clear()
        return taken

    def put_back(self, charges: Mapping[str, Charge]) -> None:
        """What was taken could not be kept."""
        with self._lock:
            for caller, charge in charges.items():
                self._charged[caller] += charge.seconds
                self._starts[caller] = charge.start
                self._kept[caller] -= charge.seconds

    def learn(self, kept: Mapping[str, float], present: Collection[str]) -> None:
        """What these callers have had of all machines, in the account that is kept of all.

        What grew there and was not taken from here, others have charged. Callers who are not
        `present` are forgotten once virtual time has passed their tags: they begin there anyway.
        """
        with self._lock:
            for caller, tag in kept.items():
                known = self._kept.get(caller)
                most = self._now + AHEAD
                if known is None:
                    self._tags[caller] = max(self._tags.get(caller, 0.0), min(tag, most))
                elif tag > known:
                    here = self._tags.get(caller, self._now)
                    self._tags[caller] = max(here, min(here + tag - known, most))
                self._kept[caller] = tag
            for caller, tag in list(self._tags.items()):
                if tag <= self._now and caller not in present and caller not in self._charged:
                    del self._tags[caller]
                    self._kept.pop(caller, None)
