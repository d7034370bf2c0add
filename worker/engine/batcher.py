"""Who runs next: policy, no tensors."""

import itertools
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from worker.engine.accounts import Accounts
from worker.engine.added import AddOns
from worker.engine.batch import Batch
from worker.engine.enlarging import away, goes_beside
from worker.engine.errors import DeadlineExceeded, say
from worker.engine.memory.row_budget import Budgets
from worker.engine.model_source import AddOnKind, ModelSource
from worker.engine.request import BUILT_IN_UPSCALERS, ImageRequest
from worker.engine.task import BatchKey, Stage, Task
from worker.engine.whole.pipeline import WholeModel

ORDER = {
    Stage.RESTORE: 0,
    Stage.DECODE: 0,
    Stage.ENCODE: 1,
    Stage.ENLARGE: 2,
    Stage.DENOISE: 3,
    Stage.WHOLE: 3,
}
"""What goes first among those who are even: a finished picture leaves at once, and a new one joins
at the next denoising step."""

WAITING = (Stage.MODEL, Stage.DONE)
"""Nothing can be done for these."""

NEXT_TO_NOTHING = 1.1
"""By how much a forward may take longer for the rows of those who are owed nothing."""

LONG = 1.0
"""Seconds past which a forward takes no more rows where pictures of another shape wait for it."""


class Batcher:
    """Holds the tasks and chooses the next unit of work.

    It is led by the caller who has had least of the device (`shares`), and by that one of his tasks
    which has. Into his forward come, as the row budget of its shape holds, the tasks that may share
    it of whoever is no further ahead than he will be, and of all others where their rows are
    measured to cost next to nothing. Callers who are even share full forwards.
    """

    def __init__(self, models: ModelSource, budget: Budgets, accounts: Accounts) -> None:
        self._models = models
        self._budget = budget
        self._accounts = accounts
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
        able = self.able()
        if not able:
            return None
        first = self._first(able)
        if first.stage is not Stage.DENOISE or first.key is None:
            return Batch(first.stage, [first])
        return self._together(first, first.key, able)

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

    def _first(self, able: Sequence[Task]) -> Task:
        """Whose turn it is: of the callers who are even with the one that has had least, and of
        each one's tasks that are even, what is nearest to its end."""
        shares = self._accounts.shares
        groups: dict[tuple[str, BatchKey | None], list[Task]] = {}
        for task in able:
            groups.setdefault((task.caller, task.key), []).append(task)
        callers = {caller for caller, _ in groups}
        shares.wait(callers)
        tags = {caller: shares.tag(caller) for caller in callers}
        alike = {group: min(task.had for task in tasks) for group, tasks in groups.items()}
        had: dict[str, float] = {}
        for (caller, _), least in alike.items():
            had[caller] = min(had.get(caller, least), least)
        first = min(alike, key=lambda group: (tags[group[0]], alike[group]))
        slack = self._accounts.slack(min(groups[first], key=lambda task: task.had))
        even = [
            group
            for group in groups
            if tags[group[0]] <= tags[first[0]] + slack and alike[group] <= had[group[0]] + slack
        ]
        # Tasks that are alike cost the same, so among them it goes by turns.
        turns = [
            (min(groups[group], key=lambda task: (ORDER[task.stage], task.last_advanced)), group)
            for group in even
        ]
        task, _ = min(
            turns,
            key=lambda turn: (
                ORDER[turn[0].stage],
                tags[turn[1][0]],
                alike[turn[1]],
                turn[0].last_advanced,
            ),
        )
        return task

    def _together(self, first: Task, key: BatchKey, able: Sequence[Task]) -> Batch:
        """The forward of `first`, with all whom it takes along."""
        sharing = self._sharing(first, key, able)
        if not key.steered and any(task.steered for task in sharing):
            key = replace(key, steered=True)
        shares, most = self._accounts.shares, self._budget.rows(key)
        waiting = self._by_caller(first, sharing)
        will_have = {caller: shares.tag(caller) for caller in waiting}
        slack = self._accounts.slack(first)
        fitting = self._most_in_time(first, key, able, most)
        chosen: list[Task] = []
        free: set[str] = set()
        rows, base = 0, None
        most_rows = most if key.exact else fitting
        if len(waiting) == 1:
            return Batch(Stage.DENOISE, _as_many(waiting[first.caller], most_rows))
        while waiting:
            caller = min(waiting, key=lambda each: (bool(chosen), will_have[each]))
            if not chosen:
                caller = first.caller
            task = waiting[caller].popleft()
            if not waiting[caller]:
                del waiting[caller]
            if chosen and rows + task.rows > most_rows:
                continue
            seconds = self._seconds(key, rows + task.rows)
            share = seconds * task.rows / (rows + task.rows) / task.weight
            limit = will_have[first.caller] + slack
            leads = caller == first.caller or first.caller in waiting
            if chosen and not leads and will_have[caller] + share > limit:
                base = base or rows
                if seconds > NEXT_TO_NOTHING * self._seconds(key, base):
                    break
                free.add(task.id)
            chosen.append(task)
            rows += task.rows
            will_have[caller] += share
        return Batch(Stage.DENOISE, chosen, frozenset(free))

    def _sharing(self, first: Task, key: BatchKey, able: Sequence[Task]) -> list[Task]:
        """The tasks that may share the forward of `first`: those that are steered and plain ones
        together, or those alone that are as it is, as it takes the device less."""
        sharing = [
            task
            for task in able
            if (task.key is key or task.key == key) and task.stage is Stage.DENOISE
        ]
        steered = [task.steered for task in sharing]
        if key.exact or all(steered) or not any(steered):
            return sharing
        steered = sum(task.rows for task in sharing if task.steered)
        plain = sum(task.rows for task in sharing) - steered
        most = self._budget.rows(key)
        if self._accounts.together(key, min(plain, most), min(steered, most)):
            return sharing
        return [task for task in sharing if task.steered == first.steered]

    def _by_caller(self, first: Task, sharing: list[Task]) -> dict[str, deque[Task]]:
        """Each caller's of these tasks in their order; `first` is first."""
        sharing.sort(key=lambda task: (task is not first, task.last_advanced))
        found: dict[str, deque[Task]] = {}
        for task in sharing:
            found.setdefault(task.caller, deque()).append(task)
        return found

    def _most_in_time(self, first: Task, key: BatchKey, able: Sequence[Task], most: int) -> int:
        """As many of the rows as may be made at once without keeping another shape waiting."""
        if all(task.key is key or task.key == key for task in able):
            return most
        while most > first.rows and self._seconds(key, most) > LONG:
            most -= 1
        return most

    def _seconds(self, key: BatchKey, rows: int) -> float:
        """What a forward of so many rows takes; nothing before one was measured, and no more for
        more rows where all have the same number."""
        if key.exact:
            rows = self._budget.rows(key)
        return self._accounts.costs.seconds(key.timed, rows) or 0.0

    def able(self) -> list[Task]:
        """The tasks for which something can be done now."""
        apart = (*WAITING, Stage.WHOLE)
        able = [task for task in self.tasks if task.stage not in apart]
        if any(task.stage is Stage.ENLARGE for task in able):
            # One at a time is done beside the steps, which need the processors too.
            busy = any(away(task) for task in able)
            able = [task for task in able if not (away(task) or (busy and goes_beside(task)))]
        able += self._whole()
        # What the device decodes beside the steps is waited for where nothing else is to be done.
        coming = [task for task in able if task.aside is not None and not task.aside.is_here]
        return [task for task in able if task not in coming] or coming if coming else able

    def _whole(self) -> list[Task]:
        """Of the tasks whose pipeline runs whole, one a pipeline: the one under way, or that of the
        caller who has had least. The others wait until it is done."""
        shares = self._accounts.shares
        waiting = sorted(
            self._at(Stage.WHOLE), key=lambda task: (task.run is None, shares.tag(task.caller))
        )
        chosen: dict[str, Task] = {}
        for task in waiting:
            chosen.setdefault(task.request.model, task)
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
                late = round(now - task.deadline, 1)
                said = say("deadline-passed", "The deadline passed {seconds} s ago.", seconds=late)
                task.fail(DeadlineExceeded(said))
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
        self._accounts.join(task, [each for each in self.tasks if each.stage not in WAITING])
        if isinstance(model, WholeModel):
            task.whole, task.stage = model, Stage.WHOLE
        else:
            own = add_ons.vae is None
            task.model = model if own else model.with_autoencoder(add_ons.vae)
            task.stage = Stage.ENCODE

    def _add_ons(self, request: ImageRequest) -> AddOns | None:
        """Everything that the request names beside its model; None while any is being loaded."""
        wanted: list[tuple[AddOnKind, str]] = []
        wanted.extend(("lora", each.name) for each in request.loras)
        wanted.extend(("controlnet", each.name) for each in request.controls)
        wanted.extend(("ip-adapter", each.name) for each in request.ip_adapters)
        if request.enlarge and request.enlarge.upscaler not in BUILT_IN_UPSCALERS:
            wanted.append(("upscaler", request.enlarge.upscaler))
        if request.vae is not None:
            wanted.append(("vae", request.vae))
        if request.restore_faces is not None:
            wanted.append(("face-restorer", request.restore_faces.name))
        # All are asked for before any is waited for, so that they are loaded side by side.
        found: dict[tuple[AddOnKind, str], Any] = {
            each: self._models.add_on(*each, request.model) for each in wanted
        }
        if None in found.values():
            return None
        return AddOns(
            loras={name: one for (kind, name), one in found.items() if kind == "lora"},
            controls={name: one for (kind, name), one in found.items() if kind == "controlnet"},
            ip_adapters={name: one for (kind, name), one in found.items() if kind == "ip-adapter"},
            upscaler=_first(found, "upscaler"),
            vae=_first(found, "vae"),
            face_restorer=_first(found, "face-restorer"),
        )


def _first(found: Mapping[tuple[AddOnKind, str], Any], wanted: AddOnKind) -> Any | None:
    """What was found of a kind of which a picture has one."""
    return next((one for (kind, _), one in found.items() if kind == wanted), None)


def _as_many(tasks: Iterable[Task], rows: int) -> list[Task]:
    """Of these in their order as many as fit in so many rows; the first in any case."""
    chosen: list[Task] = []
    taken = 0
    for task in tasks:
        own = task.rows
        if not chosen or taken + own <= rows:
            chosen.append(task)
            taken += own
    return chosen
