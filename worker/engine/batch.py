"""A batch is a throw-away view: tasks gathered into tensors for one forward, then forgotten."""

import operator
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch

from worker.engine.families.model import LoadedModel
from worker.engine.ground.transfer import sent
from worker.engine.guidance.guide import guide
from worker.engine.guidance.task_rows import TaskRows, condition_of
from worker.engine.parts.control import ControlRows, LoadedControlNet, weight_at
from worker.engine.parts.emphasis import PROMPT_ONLY, Emphasis
from worker.engine.parts.rows import COUNTED, Pair
from worker.engine.parts.t2i_adapter import AdapterRows, Steered, steered_rows
from worker.engine.references.reference_only import Look
from worker.engine.references.rows import ReferenceRows, Seen, gathered
from worker.engine.request import Control, IPAdapter, Tiling
from worker.engine.sampling.answers import Answers
from worker.engine.sampling.steps import Steps, stacked
from worker.engine.sampling.walk import Line
from worker.engine.task import BatchKey, ControlInput, Stage, Task, ready


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
        shown = _shown(tasks, more, guided, first=without)
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
            latents=_with_shown(of_rows(steps.scaled(stack.states).to(model.dtype)), shown),
            timesteps=of_rows(steps.timesteps),
            inputs={
                name: kept(name, _inputs(name, tasks, guided, model), model.dtype)
                for name in tasks[0].inputs
            },
            controls=_controls(
                self, tasks, places, without, shown, partial(kept, dtype=model.dtype)
            ),
            adapters=_adapters(tasks, places, without, shown),
            references=_references(tasks, places, without, shown),
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
        if task.stage is Stage.DENOISE and task.traced:
            try:
                keep(task, Step(rows, noise, predicted[index : index + 1], index))
            except Exception as error:
                task.fail(error)


def _drawn(rows: TaskRows) -> torch.Tensor | None:
    """The noise (n, C, h, w) that each task's own generator draws for this step, zeros for those
    whose step takes none; None where none does."""
    shape = rows.stack.latents(0).shape
    drawn: dict[int, torch.Tensor] = {}
    for index in rows.steps.drawing:
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


def _controls(
    batch: Batch,
    tasks: list[Task],
    places: list[int],
    without: int,
    shown_rows: Collection[int],
    stack: Callable[..., torch.Tensor],
) -> list[ControlRows]:
    """What each ControlNet is shown at this step, of the rows that it acts on. Of pictures that
    must be exact it runs for all rows, so that there are always as many."""
    if not any(task.controls for task in tasks):
        return []
    slots: dict[tuple[LoadedControlNet, int | None, int], list[_Shown]] = {}
    spoken = _spoken(tasks, places)
    for row, at in enumerate(places):
        had: Counter[tuple[LoadedControlNet, int | None]] = Counter()
        for each in tasks[at].controls:
            kind = each.net, each.control_type
            unsaid = each.net.prompt_only or each.control.control_mode in PROMPT_ONLY
            unseen = row in shown_rows or (unsaid and row < without)
            weight = 0.0 if unseen else _weight(tasks[at], each.control)
            shown = slots.setdefault((*kind, had[kind]), [])
            had[kind] += 1
            if weight or batch.key.exact:
                shown.append(_Shown(row, each, weight, spoken[row]))
    found: list[ControlRows] = []
    for index, ((net, kind, _), shown) in enumerate(slots.items()):
        emphasis = Emphasis(
            [each.weight for each in shown],
            [each.input.control.control_mode for each in shown],
            _areas([each.input.area for each in shown]),
        )
        if not emphasis.acts:
            continue
        prompts = {
            name: stack(f"{name} of control {index}", [each.inputs[name].prompt for each in shown])
            for name in batch.model.control_reads
        }
        pictures = stack(f"control {index}", [each.input.picture for each in shown])
        where = [each.row for each in shown]
        tilings: list[Tiling] = [tasks[places[row]].request.tiling for row in where]
        found.append(ControlRows(net, where, pictures, emphasis, tilings, kind, prompts))
    return found


@dataclass(frozen=True)
class _Shown:
    """What a ControlNet is shown for a row, how strongly it acts, and the row's prompt."""

    row: int
    input: ControlInput
    weight: float
    inputs: Mapping[str, Pair]


def _spoken(tasks: list[Task], places: list[int]) -> list[Mapping[str, Pair]]:
    """The inputs of the prompt that each row is of: of those without one its picture's first."""
    first = [tasks[at].inputs for at in places]
    more = [part.inputs for task in tasks for part in task.conditions[1:]]
    return [*first[: len(first) - len(more)], *more]


def _areas(areas: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    """Where each row's picture is steered; None where all are everywhere."""
    masked = next((area for area in areas if area is not None), None)
    if masked is None:
        return None
    whole = torch.ones_like(masked)
    return torch.cat([whole if area is None else area for area in areas])


def _weight(task: Task, part: Control | IPAdapter) -> float:
    """How strongly something acts at this step."""
    return weight_at(part, ready(task.sampler).index, len(ready(task.sampler)))


@dataclass(frozen=True)
class _Reference:
    """A row that is a picture for another to look at: what the network sees of it, and the look."""

    latents: torch.Tensor
    look: Look


def _shown(
    tasks: list[Task], more: Sequence[int], guided: int, first: int
) -> dict[int, _Reference]:
    """The rows that are pictures which others look at; `first` is the first row with a prompt."""
    found: dict[int, _Reference] = {}
    for behind, at in enumerate(more):
        task, side = tasks[at], condition_of(tasks, more, behind).shown_to
        if side is None:
            continue
        wanted = ready(task.request.reference_only)
        look = Look(
            row=first + at if side == "prompt" else first - guided + at,
            shown=first + len(tasks) + behind,
            weight=wanted.weight,
            fidelity=0.0 if side == "prompt" else wanted.style_fidelity,
        )
        found[look.shown] = _Reference(ready(task.reference).at(ready(task.sampler)), look)
    return found


def _with_shown(latents: torch.Tensor, shown: Mapping[int, _Reference]) -> torch.Tensor:
    """Rows of latents (n, C, h, w), with what others look at in its place."""
    if not shown:
        return latents
    places = sent(torch.tensor(list(shown)), latents.device)
    references = torch.cat([each.latents for each in shown.values()])
    return latents.index_copy(0, places, references.to(latents.dtype))


def _adapters(
    tasks: list[Task], places: list[int], without: int, shown: Collection[int]
) -> list[AdapterRows]:
    """What T2I-Adapters add to each row at this step."""
    if not any(task.adapters for task in tasks):
        return []
    return steered_rows(
        [
            [] if row in shown else _steered(tasks[at], row >= without)
            for row, at in enumerate(places)
        ]
    )


def _steered(task: Task, prompted: bool) -> list[Steered]:
    return [
        Steered(
            each.adapter,
            each.features,
            _weight(task, each.control)
            if prompted or each.control.control_mode not in PROMPT_ONLY
            else 0.0,
            each.control.control_mode,
            each.area,
        )
        for each in task.adapters
    ]


def _references(
    tasks: list[Task], places: list[int], without: int, shown: Collection[int]
) -> list[ReferenceRows]:
    """What each row is shown of pictures at this step."""
    if not any(task.references for task in tasks):
        return []
    return gathered(
        [[] if row in shown else _seen(tasks[at], row >= without) for row, at in enumerate(places)]
    )


def _seen(task: Task, prompted: bool) -> list[Seen]:
    return [
        Seen(
            each.adapter,
            each.tokens.prompt if prompted else each.tokens.without,
            _weight(task, each.wanted),
            each.area,
        )
        for each in task.references
    ]
