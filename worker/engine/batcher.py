"""Who runs next: policy, no tensors."""

import itertools
import time
from typing import Any

from worker.engine.batch import Batch
from worker.engine.errors import DeadlineExceeded
from worker.engine.memory.row_budget import Budgets
from worker.engine.model_source import AddOnKind, ModelSource
from worker.engine.request import BUILT_IN_UPSCALERS, ImageRequest
from worker.engine.task import AddOns, Stage, Task
from worker.engine.whole.pipeline import WholeModel


class Batcher:
    """Holds the tasks and chooses the next unit of work.

    Decode goes before encode, and encode before denoise: a finished picture leaves at once and
    a new task joins at the next denoising step. Among denoising tasks whoever has waited
    longest goes first (processor sharing), with as many that may share its forward as the row
    budget of their shape holds.
    """

    def __init__(self, models: ModelSource, budget: Budgets) -> None:
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
        for stage in (Stage.DECODE, Stage.ENCODE, Stage.ENLARGE):
            waiting = self._at(stage)
            if waiting:
                return Batch(stage, waiting[:1])
        return self._step()

    def retire(self, batch: Batch | None) -> list[Task]:
        """Lets go of the tasks that are over: with a picture or an error, never if canceled."""
        for task in batch.tasks if batch else []:
            task.last_advanced = next(self._turn)
        self._drop_canceled()
        over = self._at(Stage.DONE)
        for task in over:
            task.leave()
            del self._tasks[task.id]
        return over

    def _step(self) -> Batch | None:
        """One denoising step, for whoever has waited longest and all that may share it."""
        able = self._at(Stage.DENOISE) + self._whole()
        waiting = sorted(able, key=lambda task: task.last_advanced)
        if not waiting:
            return None
        first, key = waiting[0], waiting[0].key
        if first.stage is Stage.WHOLE or key is None:
            return Batch(Stage.WHOLE, [first])
        left = self._budget.rows(key) - first.rows
        chosen = [first]
        for task in waiting[1:]:
            if task.key == key and task.rows <= left:
                chosen.append(task)
                left -= task.rows
        return Batch(Stage.DENOISE, chosen)

    def _whole(self) -> list[Task]:
        """Of the tasks whose pipeline runs whole, one a pipeline: the one under way, or the
        first. The others wait until it is done."""
        chosen: dict[str, Task] = {}
        for task in self._at(Stage.WHOLE):
            if task.run is not None or task.request.model not in chosen:
                chosen[task.request.model] = task
        return list(chosen.values())

    def _at(self, stage: Stage) -> list[Task]:
        return [task for task in self.tasks if task.stage is stage]

    def _drop_canceled(self) -> None:
        for task in self.tasks:
            if task.canceled:
                task.leave()
                del self._tasks[task.id]

    def _expire(self) -> None:
        now = time.monotonic()
        for task in self.tasks:
            if task.deadline is not None and now > task.deadline:
                late = now - task.deadline
                task.fail(DeadlineExceeded(f"The deadline passed {late:.1f} s ago."))
                task.leave()

    def _admit(self, task: Task) -> None:
        """Lets the task go on if its model is there, with all that its picture adds to it."""
        try:
            model = self._models.get(task.request.model)
            add_ons = self._add_ons(task.request)
        except Exception as error:
            task.fail(error)
            return
        if model is None or add_ons is None:
            return
        task.add_ons = add_ons
        if isinstance(model, WholeModel):
            task.whole, task.stage = model, Stage.WHOLE
        else:
            task.model, task.stage = model, Stage.ENCODE

    def _add_ons(self, request: ImageRequest) -> AddOns | None:
        """Everything that the request names beside its model; None while any is being loaded."""
        wanted: list[tuple[AddOnKind, str]] = []
        wanted.extend(("lora", each.name) for each in request.loras)
        wanted.extend(("controlnet", each.name) for each in request.controls)
        if request.enlarge and request.enlarge.upscaler not in BUILT_IN_UPSCALERS:
            wanted.append(("upscaler", request.enlarge.upscaler))
        # All are asked for before any is waited for, so that they are loaded side by side.
        found: dict[tuple[AddOnKind, str], Any] = {
            each: self._models.add_on(*each, request.model) for each in wanted
        }
        if None in found.values():
            return None
        return AddOns(
            loras={name: one for (kind, name), one in found.items() if kind == "lora"},
            controls={name: one for (kind, name), one in found.items() if kind == "controlnet"},
            upscaler=next((one for (kind, _), one in found.items() if kind == "upscaler"), None),
        )
