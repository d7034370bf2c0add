"""The batcher on a device that is pretended: its forwards cost what they are said to, by a clock of
its own, so that what the policy makes of them is the same on every machine."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.engine.helpers import Shelf, tiny
from worker.engine.accounts import Accounts
from worker.engine.batcher import Batcher
from worker.engine.memory.row_budget import Budgets
from worker.engine.memory.stopwatch import Measurement
from worker.engine.task import BatchKey, Stage, Task

Curve = Callable[[int], float]


class NotLoaded(Shelf):
    """Tasks stay where the test puts them."""

    def get(self, name: str) -> None:
        return None


def processor(rows: int) -> float:
    """Seconds of a forward of the shipped model on two cores, as measured."""
    return 0.009 + 0.0075 * rows


@dataclass
class Device:
    """Runs pretended pictures; `ended` has when each was done."""

    curve: Curve = processor
    encode: float = 0.0085
    decode: float = 0.074
    rows: int = 32
    now: float = 0.0
    ended: dict[str, float] = field(default_factory=dict[str, float])
    forwards: list[list[str]] = field(default_factory=list[list[str]])
    arrivals: list[tuple[float, int, Task, int]] = field(default_factory=list)
    then: Callable[[Task], None] = lambda task: None

    def __post_init__(self) -> None:
        self.accounts = Accounts()
        budget = Budgets(max_rows=self.rows, exact_rows=8)
        self.batcher = Batcher(NotLoaded(), budget, self.accounts)
        # The size of forwards was measured to its end.
        budget._measured._climb = lambda key: _Settled(self.rows)
        self._left: dict[str, int] = {}
        self._pieces: dict[str, int] = {}

    def send(
        self,
        name: str,
        caller: str,
        at: float = 0.0,
        *,
        steps: int = 20,
        weight: float = 1.0,
        width: int = 128,
    ) -> None:
        """A picture comes, two rows a step."""
        request = tiny(width=width, height=128, guidance_scale=1.0)
        task = _Guided(name, request, None, caller, weight)
        task.key = BatchKey(f"of {width}", 16, width // 8)
        heapq.heappush(self.arrivals, (at, len(self._left), task, steps))
        self._left[name] = steps

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Until every picture is done, or that holds."""
        while (self.arrivals or len(self.batcher)) and not until():
            self._let_in()
            batch = self.batcher.next_batch()
            if batch is None:
                self.now = max(self.now, self.arrivals[0][0])
                continue
            if batch.stage is Stage.DENOISE:
                self._forward(batch.tasks, batch.free)
            else:
                self._stage(batch.tasks[0], batch.stage)
            for task in self.batcher.retire(batch):
                self.ended[task.id] = self.now
                self.then(task)

    def left(self, name: str) -> int:
        """Steps that a picture still needs."""
        return self._left[name]

    def _let_in(self) -> None:
        while self.arrivals and self.arrivals[0][0] <= self.now:
            _, _, task, _ = heapq.heappop(self.arrivals)
            able = self.batcher.able()
            self.batcher._tasks[task.id] = task
            self.accounts.join(task, able)
            task.stage = Stage.ENCODE

    def _forward(self, tasks: list[Task], free: frozenset[str]) -> None:
        rows = sum(task.rows for task in tasks)
        seconds = self.curve(rows) * tasks[0].request.width / 128
        self.now += seconds
        self.forwards.append([task.id for task in tasks])
        owners = [task for task in tasks for _ in range(task.rows)]
        self.accounts.forward(tasks[0].key, owners, self.rows, Measurement(rows, seconds), free)
        for task in tasks:
            self._left[task.id] -= 1
            if not self._left[task.id]:
                task.stage = Stage.DECODE

    def _stage(self, task: Task, stage: Stage) -> None:
        name, seconds, after = (
            ("encode", self.encode, Stage.DENOISE)
            if stage is Stage.ENCODE
            else ("decode", self.decode, Stage.DONE)
        )
        seconds *= task.request.width / 128
        self.now += seconds
        self.accounts.piece(task, seconds)
        self.accounts.stage(task, name)
        task.stage = after


class _Guided(Task):
    @property
    def rows(self) -> int:
        return 2


class _Settled:
    """A size of forwards that is not to be measured any more."""

    def __init__(self, rows: int) -> None:
        self.limit = rows
        self.settled_for = 0
        self.last = None
