"""Who pays for what the device does, and what it costs: kept by the runner, read by the batcher."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from worker.engine.memory.costs import Costs, Kind
from worker.engine.memory.stopwatch import Measurement
from worker.engine.shares import Shares
from worker.engine.task import BatchKey, Task

ABOUT = 1.1
"""By how much a forward of all may take longer than two: it is by minima that they are compared."""


class Accounts:
    """Charges device seconds to tasks and their callers, and remembers what things cost."""

    def __init__(self) -> None:
        self.shares = Shares()
        self.costs = Costs()

    def join(self, task: Task, others: Iterable[Task]) -> None:
        """The task can go on from now, beside these others of the engine's that can."""
        mates = [each.had for each in others if each.caller == task.caller]
        if mates:
            # Among the tasks of one caller as among callers: who comes begins where they are.
            task.had = max(task.had, min(mates))
        else:
            self.shares.join(task.caller)

    def forward(
        self,
        key: BatchKey,
        tasks: Sequence[Task],
        limit: int,
        measurement: Measurement,
        free: Collection[str] = (),
        *,
        usual: bool = True,
    ) -> None:
        """A forward with a row for each of these tasks was made; `limit` is the most it may have.

        The tasks whose ids are in `free` pay together what it took longer for them, the others the
        rest; of these who is steered pays what he takes beyond the plain network. Without tasks it
        was made for its own sake, and nobody pays. What was not as `usual` says nothing of others.
        """
        seconds = measurement.seconds
        riding = sum(task.id in free for task in tasks) if free else 0
        paying = len(tasks) - riding
        without = self.costs.seconds(key.timed, paying) if riding and paying else None
        # Never more than by the row.
        theirs = 0.0 if without is None else max(0.0, seconds - without)
        theirs = min(theirs, seconds * riding / max(1, len(tasks)))
        plain, steered = self._shared(key, tasks, free, seconds - theirs)
        charged: defaultdict[str, float] = defaultdict(float)
        kinds: set[Kind] = set()
        alike = not free and plain == steered
        for task in tasks:
            if alike:
                row = plain
            elif task.id in free:
                row = theirs / riding
            else:
                row = steered if task.steered else plain
            weighted = row / task.weight
            task.had += weighted
            charged[task.caller] += weighted
            # An edit takes longer than the pictures of words alone, whose times are told by this.
            if not task.request.references:
                kinds.add(kind(task))
        for caller, weighted in charged.items():
            self.shares.charge(caller, weighted)
        for each in kinds:
            self.costs.belongs(each, key.timed, limit)
        note = self.costs.forward if usual else self.costs.first
        note(key.timed, measurement.rows, seconds)

    def _shared(
        self, key: BatchKey, tasks: Sequence[Task], free: Collection[str], seconds: float
    ) -> tuple[float, float]:
        """What each row of who pays has of these seconds, plain or steered."""
        paying = [task for task in tasks if task.id not in free] if free else tasks
        steered = sum(task.steered for task in paying)
        even = seconds / max(1, len(paying))
        if not 0 < steered < len(paying):
            return even, even
        alone = self.costs.seconds(replace(key, steered=False).timed, len(paying))
        plain = even if alone is None else min(even, alone / len(paying))
        return plain, (seconds - plain * (len(paying) - steered)) / steered

    def together(self, key: BatchKey, plain: int, steered: int) -> bool:
        """Whether so many plain rows and steered ones are to share a forward: where one takes the
        device about as long as two of them apart, or less, as far as that was measured."""
        alone = self.costs.seconds(replace(key, steered=False).timed, plain)
        shape = replace(key, steered=True).timed
        beside, all_of_them = (self.costs.seconds(shape, n) for n in (steered, steered + plain))
        if alone is None or beside is None or all_of_them is None:
            return True
        return all_of_them <= ABOUT * (alone + beside)

    def piece(self, task: Task, seconds: float) -> None:
        """The device worked for one task alone."""
        task.stage_seconds += seconds
        self._charge(task, seconds)

    def extra(self, task: Task, seconds: float) -> None:
        """The device did something for one task that no picture needs, such as a trace."""
        self._charge(task, seconds)

    def stage(self, task: Task, name: str) -> None:
        """The task is through an encode or a decode."""
        self.costs.stage(kind(task), name, task.stage_seconds)
        if name == "enlarge":
            task.enlarge_seconds = task.stage_seconds
        task.stage_seconds = 0.0

    def slack(self, task: Task) -> float:
        """How far two callers may be apart and still count as even, where `task` is of the one who
        has had less: what a picture such as his costs beside its steps, which each pays at another
        time."""
        return self.costs.around(kind(task))

    def _charge(self, task: Task, seconds: float) -> None:
        weighted = seconds / task.weight
        task.had += weighted
        self.shares.charge(task.caller, weighted)


def kind(task: Task) -> Kind:
    """What a task's picture costs beside its steps goes by this."""
    return Kind(task.request.model, task.request.width, task.request.height)
