"""The board: what the threads of a worker share, and the one way by which they reach each other."""

from __future__ import annotations

import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event

from worker.engine import Study
from worker.loop.slot import Slot


class Board:
    """The slots that are held, those handed in to the engine's thread, and when to stop.

    Any thread may call anything here but for two: only intake's may `hold`, since it alone knows
    that a job is not held twice, and only the engine's may take what is `handed_in` and `rest`.
    The slots are changed by single operations and read in copies, so nobody takes a lock, and
    `ask_to_stop` and `give_back` may interrupt their own thread anywhere, as signal handlers do.

    `warm` and `cold` go up and never down. Warm: take nothing new, finish what runs. Cold: give
    back what runs, and wait for nothing that may not come. `over` is set when the last job has
    left, for the threads that outlive the jobs; `room` when a slot was forgotten, for intake.
    `stepped` is when the engine's thread, which alone sets it, was last seen alive (monotonic).
    """

    def __init__(self) -> None:
        self.warm = False
        self.cold = False
        self.over = Event()
        self.room = Event()
        self.stepped = time.monotonic()
        self._slots: dict[str, Slot] = {}
        self._inbox: SimpleQueue[Slot] = SimpleQueue()
        self._studies: SimpleQueue[Study] = SimpleQueue()
        # Not an Event: a signal that came while its own thread had the lock would wait for ever.
        self._wake: SimpleQueue[None] = SimpleQueue()

    @property
    def busy(self) -> bool:
        """Whether a job is held, or one that was handed in has not been looked at."""
        return bool(self._slots) or not self._inbox.empty()

    def held(self) -> list[Slot]:
        """The slots as they are now, the longest held first."""
        return list(self._slots.values())

    def get(self, job_id: str) -> Slot | None:
        """The slot of a job; None for one that is not held."""
        return self._slots.get(job_id)

    def hold(self, slot: Slot) -> None:
        """A job was taken."""
        self._slots[slot.id] = slot

    def hand_in(self, slot: Slot) -> None:
        """The engine's thread is to look at this slot: it is ready, or its pictures are not
        wanted any more."""
        self._inbox.put(slot)
        self.wake()

    def stop(self, slot: Slot) -> None:
        """Somebody canceled the job."""
        slot.stop = True
        self.wake()

    def lose(self, slot: Slot) -> None:
        """The lease is gone: the job is another worker's, or nobody's."""
        slot.lost = True
        self.wake()

    def forget(self, slot: Slot) -> None:
        """The slot was settled, given back or lost: there is room for another."""
        self._slots.pop(slot.id, None)
        self.wake()
        self.room.set()

    def ask_to_stop(self) -> None:
        """Be warm; asked again, be cold."""
        if self.warm:
            self.cold = True
        self.warm = True
        self.wake()

    def give_back(self) -> None:
        """Be cold, whatever was asked before."""
        self.warm = self.cold = True
        self.wake()

    def wake(self) -> None:
        """End the rest of the engine's thread, or keep it from its next one."""
        if self._wake.empty():
            self._wake.put(None)

    def show(self, study: Study) -> None:
        """The engine's thread is to work this out between two steps."""
        self._studies.put(study)
        self.wake()

    def next_study(self) -> Study | None:
        """The study that has waited longest; None where none waits."""
        with suppress(Empty):
            return self._studies.get_nowait()
        return None

    def handed_in(self) -> list[Slot]:
        """What was handed in since the last time. A `wake` from here on ends the next rest."""
        while not self._wake.empty():
            self._wake.get()
        found: list[Slot] = []
        while not self._inbox.empty():
            found.append(self._inbox.get())
        return found

    def rest(self, seconds: float) -> None:
        """Wait until somebody wakes the engine's thread, this long at most."""
        with suppress(Empty):
            self._wake.get(timeout=seconds)
