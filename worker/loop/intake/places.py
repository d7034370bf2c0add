"""Who may come into the engine: as many pictures as it holds, and beyond that whoever has nothing
in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from functools import cached_property

import psutil

from jobs.records.lanes import Lane
from jobs.records.shares import BEYOND
from worker.loop.slot import Slot

FREE = 0.1
"""Share of the machine's memory that must be free to hold more than the capacity."""


class Places:
    """What is held at one moment, and for whom there is room beside it.

    `warm` are the models in memory, by their names in lanes. Pictures that wait for another take no
    place from those that can be made.
    """

    def __init__(self, slots: Sequence[Slot], capacity: int, warm: Collection[str]) -> None:
        self._warm = warm
        self._models = {slot.lane.model for slot in slots}
        self._pictures: Counter[str] = Counter()
        ready = total = 0
        for slot in slots:
            self._pictures[slot.lane.caller] += slot.request.count
            total += slot.request.count
            ready += slot.request.count if slot.lane.model in warm else 0
        most = BEYOND * capacity
        self.free = ready < capacity and total < most
        self._below = total < most

    def held(self, caller: str) -> int:
        """Pictures of this caller."""
        return self._pictures[caller]

    def open_to(self, lane: Lane) -> bool:
        """Whether the next job of this lane may come in now."""
        if self.free or self.is_new(lane):
            return True
        return self._below and not self.held(lane.caller) and self._memory_is_free

    @cached_property
    def _memory_is_free(self) -> bool:
        # Asked only where it decides: to ask takes a third of a millisecond.
        memory = psutil.virtual_memory()
        return memory.available > FREE * memory.total

    def is_new(self, lane: Lane) -> bool:
        """Whether the lane's model is to be loaded first, and nobody here has asked for it yet: one
        job comes in at once, for the sake of the loading."""
        return lane.model not in self._warm and lane.model not in self._models
