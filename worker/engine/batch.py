"""A batch is a throw-away view: tasks gathered into tensors for one forward, then forgotten."""

import operator
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch

from worker.engine.families.model import LoadedModel
from worker.engine.ground.transfer import sent
from worker.engine.guidance.guide import guide
from worker.engine.guidance.steering import (
    adapters,
    controls,
    references,
    shown_rows,
    with_shown,
)
from worker.engine.guidance.task_rows import TaskRows
from worker.engine.parts.rows import COUNTED
from worker.engine.sampling.answers import Answers
from worker.engine.sampling.steps import Steps, stacked
from worker.engine.sampling.walk import Line
from worker.engine.task import BatchKey, Stage, Task, ready


@dataclass(frozen=True)
class Step:
    """The step of task `index` that is about to be taken: the network's answers to all rows, and
    (1, C, h, w) what guidance made of the task's."""

    rows: TaskRows
    noise: torch.Tensor
    predicted: torch.Tensor
    index: int


class Stacks:
    """Rows that are the same in every step, stacked once for as long as the same tasks share them.

    It holds those of the last KINDS kinds of batches.
    """

    KINDS = 4

    def __init__(self) -> None:
        self._kept: OrderedDict[BatchKey, dict[str, tuple[list[torch.Tensor], torch.Tensor]]]
        self._kept = OrderedDict()

    def stacked(
        self, key: BatchKey, name: str, rows: list[torch.Tensor], dtype: torch.dtype
    ) -> torch.Tensor:
        """The rows in one tensor of this dtype, but for numbers of something."""
        kept = self._kept.setdefault(key, {})
        self._kept.move_to_end(key)
        if name in kept:
            before, stacked = kept[name]
            if len(before) == len(rows) and all(map(operator.is_, before, rows)):
                return stacked
        stacked = torch.cat(rows)
        if stacked.dtype != COUNTED:
            stacked = stacked.to(dtype)
        kept[name] = rows, stacked
        if len(self._kept) > self.KINDS:
            self._kept.popitem(last=False)
        return stacked

    def forget(self) -> None:
        """Holds nothing more."""
        self._kept.clear()


@dataclass(frozen=True)
class Batch:
    """Tasks that take the same kind of step together: one encode, one denoise, one decode.

    Those whose ids are in `free` ride along for next to nothing, and pay no more.
    """

    stage: Stage
    tasks: list[Task]
    free: frozenset[str] = frozenset()

    @property
    def model(self) -> LoadedModel:
        return ready(self.tasks[0].model)

    @cached_property
    def key(self) -> BatchKey:
        """That of the first, with something beside the network wherever any of them has that."""
        key, steered = ready(self.tasks[0].key), any(task.steered for task in self.tasks)
        return key if key.steered == steered else replace(key, steered=steered)

    def gather(self, stacks: Stacks | None = None) -> TaskRows | None:
        """One batch of rows of all tasks; a task whose sampler raises fails and is left out.
        `stacks` has what earlier steps stacked."""
        model = self.model
        kept = partial((stacks or Stacks()).stacked, self.key)
        tasks: list[Task] = []
        lines: list[Line] = []
        # Those who step together stay in their order, so that their stack stays as it is.
        for task in sorted(self.tasks, key=lambda task: (not task.guided, task.row)):
            try:
                lines.append(ready(task.sampler).line)
                tasks.append(task)
            except Exception as error:
                task.fail(error)
        if not tasks:
            return None
        stack = stacked([(ready(task.stack), task.row) for task in tasks])
        for row, task in enumerate(tasks):
            task.stack, task.row = stack, row
        steps = Steps(lines, model.device)
        guided = sum(task.guided for task in tasks)
        beside = model.guided_rows - 1
        more = [at for at, task in enumerate(tasks) for _ in task.conditions[1:]]
        without = guided * beside
        # Where each row's picture stands among the tasks.
        places = [*[*range(guided)] * beside, *range(len(tasks)), *more]
        shown = shown_rows(tasks, more, guided, first=without)
        looks = [replace(each.look, apart=self.key.exact) for each in shown.values()]

        def of_rows(of_tasks: torch.Tensor) -> torch.Tensor:
            parts = [of_tasks[:guided]] * beside if guided else []
            parts += [of_tasks, *(of_tasks[at : at + 1] for at in more)]
            return torch.cat(parts) if len(parts) > 1 else of_tasks

        return TaskRows(
            tasks=tasks,
            stack=stack,
            steps=steps,
            beside=beside,
            more=more,
            latents=with_shown(of_rows(steps.scaled(stack.states).to(model.dtype)), shown),
            timesteps=of_rows(steps.timesteps),
            inputs={
                name: kept(name, _inputs(name, tasks, guided, model), model.dtype)
                for name in tasks[0].inputs
            },
            controls=controls(
                tasks,
                places,
                without,
                shown,
                partial(kept, dtype=model.dtype),
                exact=self.key.exact,
            ),
            adapters=adapters(tasks, places, without, shown),
            references=references(tasks, places, without, shown),
            looks=looks,
        )

    def scatter(
        self,
        rows: TaskRows,
        noise: torch.Tensor,
        failed: Mapping[int, Exception],
        keep: Callable[[Task, Step], None] | None = None,
    ) -> None:
        """Takes the step of every task by its predicted noise, guided.

        `keep` is told of the step of each task that is traced, before it is taken. `failed` names
        the rows without a prediction: their tasks fail, the others go on.
        """
        for row, error in failed.items():
            rows.owner(row).fail(error)
        predicted = guide(self.model, noise.float(), rows)
        if keep is not None:
            _keep_steps(rows, noise, predicted, keep)
        drawn = _drawn(rows)
        rows.stack.states = rows.steps.after(
            rows.stack.states,
            predicted,
            None if drawn is None else sent(drawn, predicted.device),
            exact=self.key.exact,
        )
        first, behind = rows.first_prompt, rows.first_prompt + len(rows.tasks)
        without = noise[first - rows.guided : first]
        answers = Answers(rows.latents[first:behind], predicted, without)
        for index, task in enumerate(rows.tasks):
            if task.stage is Stage.DENOISE:
                try:
                    task.advance(answers, index)
                except Exception as error:
                    task.fail(error)


def _keep_steps(
    rows: TaskRows, noise: torch.Tensor, predicted: torch.Tensor, keep: Callable[[Task, Step], None]
) -> None:
    for index, task in enumerate(rows.tasks):
        if task.recording is not None and task.stage is Stage.DENOISE and task.traced:
            try:
                keep(task, Step(rows, noise, predicted[index : index + 1], index))
            except Exception as error:
                task.fail(error)


def _drawn(rows: TaskRows) -> torch.Tensor | None:
    """The noise (n, C, h, w) that each task's own generator draws for this step, zeros for those
    whose step takes none; None where none does."""
    drawing = rows.steps.drawing
    if not drawing:
        return None
    shape = rows.stack.latents(0).shape
    drawn: dict[int, torch.Tensor] = {}
    for index in drawing:
        task = rows.tasks[index]
        if task.stage is Stage.DENOISE:
            try:
                drawn[index] = ready(task.sampler).drawn(shape, task.generator)
            except Exception as error:
                task.fail(error)
    if not drawn:
        return None
    nothing = torch.zeros(shape)
    return torch.cat([drawn.get(index, nothing) for index in range(len(rows.tasks))])


def keep_step(task: Task, step: Step) -> None:
    """Has a task's recording keep a step."""
    rows, noise, predicted, index = step.rows, step.noise, step.predicted, step.index
    sampler, recording = ready(task.sampler), ready(task.recording)
    timestep = sampler.timestep
    at = rows.first_prompt + index
    seen = rows.latents[at : at + 1].float()
    signal, level = sampler.levels(timestep)

    def as_noise(answer: torch.Tensor) -> torch.Tensor:
        return (seen - signal * sampler.denoised(seen, answer, timestep)) / max(level, 1e-6)

    tensors = {
        "x": seen,
        "noise": as_noise(predicted),
        "x0": sampler.denoised(seen, predicted, timestep),
    }
    if index < rows.guided:
        beside = at - rows.guided
        tensors["noise_with"] = as_noise(noise[at : at + 1].float())
        tensors["noise_without"] = as_noise(noise[beside : beside + 1].float())
    share = signal**2 / (signal**2 + level**2)
    recording.keep(task.progress[0], timestep, sampler.sigma(timestep), share, tensors)


def _inputs(name: str, tasks: list[Task], guided: int, model: LoadedModel) -> list[torch.Tensor]:
    pairs = [task.inputs[name] for task in tasks]
    rows = [pair.without for pair in pairs[:guided]] + [pair.prompt for pair in pairs]
    rows += [part.inputs[name].prompt for task in tasks for part in task.conditions[1:]]
    if model.guided_rows > 2:
        rows = [pair.without_both for pair in pairs[:guided]] + rows
    return rows
