"""Who runs next: policy, no tensors."""

import itertools
import time

from .batch import Batch
from .errors import DeadlineExceeded
from .memory import Budget
from .model import ModelSource
from .task import Stage, Task


class Batcher:
    """Holds the tasks and chooses the next unit of work.

    Decode goes before encode, and encode before denoise: a finished picture leaves at once and
    a new task joins at the next denoising step. Among denoising tasks whoever has waited
    longest goes first (processor sharing), with as many that may share its forward as the row
    budget of their shape holds.
    """

    def __init__(self, models: ModelSource, budget: Budget) -> None:
        self._models = models
        self._budget = budget
        self._tasks: dict[str, Task] = {}
        self._turn = itertools.count(1)

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: Task) -> None:
        """Takes a task in and asks for its model. Raises ValueError if its id is held already."""
        if task.id in self._tasks:
            raise ValueError(f"task_id: {task.id!r} is held already.")
        self._tasks[task.id] = task
        self._admit(task)

    def get(self, task_id: str) -> Task | None:
        return self._tasks.get(task_id)

    @property
    def tasks(self) -> list[Task]:
        return list(self._tasks.values())

    def next_batch(self) -> Batch | None:
        """The next unit of work, or None where every task is over or waits for its model."""
        self._drop_canceled()
        self._expire()
        for task in self._at(Stage.MODEL):
            self._admit(task)
        for stage in (Stage.DECODE, Stage.ENCODE):
            waiting = self._at(stage)
            if waiting:
                return Batch(stage, waiting[:1])
        return self._denoising()

    def retire(self, batch: Batch | None) -> list[Task]:
        """Lets go of the tasks that are over: with a picture or an error, never if canceled."""
        for task in batch.tasks if batch else []:
            task.last_advanced = next(self._turn)
        self._drop_canceled()
        over = self._at(Stage.DONE)
        for task in over:
            del self._tasks[task.id]
        return over

    def _denoising(self) -> Batch | None:
        waiting = sorted(self._at(Stage.DENOISE), key=lambda task: task.last_advanced)
        if not waiting:
            return None
        first, key = waiting[0], waiting[0].key
        left = self._budget.rows(key) - first.rows
        chosen = [first]
        for task in waiting[1:]:
            if task.key == key and task.rows <= left:
                chosen.append(task)
                left -= task.rows
        return Batch(Stage.DENOISE, chosen)

    def _at(self, stage: Stage) -> list[Task]:
        return [task for task in self.tasks if task.stage is stage]

    def _drop_canceled(self) -> None:
        for task in self.tasks:
            if task.canceled:
                del self._tasks[task.id]

    def _expire(self) -> None:
        now = time.monotonic()
        for task in self.tasks:
            if task.deadline is not None and now > task.deadline:
                late = now - task.deadline
                task.fail(DeadlineExceeded(f"The deadline passed {late:.1f} s ago."))

    def _admit(self, task: Task) -> None:
        """Lets the task go on if its model is there."""
        try:
            task.model = self._models.get(task.request.model)
        except Exception as error:
            task.fail(error)
        else:
            if task.model is not None:
                task.stage = Stage.ENCODE
