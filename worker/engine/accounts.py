"""Who pays for what the device does, and what it costs: kept by the runner, read by the batcher."""

from collections.abc import Collection, Iterable, Sequence

from worker.engine.memory.costs import Costs, Kind
from worker.engine.memory.stopwatch import Measurement
from worker.engine.shares import Shares
from worker.engine.task import BatchKey, Task


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
        rest. Without tasks it was made for its own sake, and nobody pays. What was not as `usual`
        says nothing of others.
        """
        seconds = measurement.seconds
        riding = sum(task.id in free for task in tasks)
        paying = len(tasks) - riding
        without = self.costs.seconds(key.timed, paying) if riding and paying else None
        # Never more than by the row.
        theirs = 0.0 if without is None else max(0.0, seconds - without)
        theirs = min(theirs, seconds * riding / max(1, len(tasks)))
        for task in tasks:
            if task.id in free:
                self._charge(task, theirs / riding)
            else:
                self._charge(task, (seconds - theirs) / paying)
            # An edit takes longer than the pictures of words alone, whose times are told by this.
            if not task.request.references:
                self.costs.belongs(kind(task), key.timed, limit)
        if usual:
            self.costs.forward(key.timed, measurement.rows, seconds)

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
