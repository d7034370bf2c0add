"""What steers each row of a step beside its prompt: ControlNets, T2I-Adapters, references, and
pictures that it looks at."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import torch

from worker.engine.added import ControlInput
from worker.engine.ground.transfer import sent
from worker.engine.guidance.task_rows import condition_of
from worker.engine.parts.control import ControlRows, LoadedControlNet, weight_at
from worker.engine.parts.emphasis import PROMPT_ONLY, Emphasis
from worker.engine.parts.rows import Pair
from worker.engine.parts.t2i_adapter import AdapterRows, Steered, steered_rows
from worker.engine.references.reference_only import Look
from worker.engine.references.rows import ReferenceRows, Seen, gathered
from worker.engine.request import Control, IPAdapter, Tiling
from worker.engine.task import Task, ready


def controls(
    tasks: list[Task],
    places: list[int],
    without: int,
    shown: Collection[int],
    stack: Callable[..., torch.Tensor],
    *,
    exact: bool,
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
            unseen = row in shown or (unsaid and row < without)
            weight = 0.0 if unseen else _weight(tasks[at], each.control)
            seen = slots.setdefault((*kind, had[kind]), [])
            had[kind] += 1
            if weight or exact:
                seen.append(_Shown(row, each, weight, spoken[row]))
    found: list[ControlRows] = []
    for index, ((net, kind, _), seen) in enumerate(slots.items()):
        emphasis = Emphasis(
            [each.weight for each in seen],
            [each.input.control.control_mode for each in seen],
            _areas([each.input.area for each in seen]),
        )
        if not emphasis.acts:
            continue
        prompts = {
            name: stack(f"{name} of control {index}", [each.inputs[name].prompt for each in seen])
            for name in ready(tasks[0].model).control_reads
        }
        pictures = stack(f"control {index}", [each.input.picture for each in seen])
        where = [each.row for each in seen]
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
class ShownRow:
    """A row that is a picture for another to look at: what the network sees of it, and the look."""

    latents: torch.Tensor
    look: Look


def shown_rows(
    tasks: list[Task], more: Sequence[int], guided: int, first: int
) -> dict[int, ShownRow]:
    """The rows that are pictures which others look at; `first` is the first row with a prompt."""
    found: dict[int, ShownRow] = {}
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
        found[look.shown] = ShownRow(ready(task.reference).at(ready(task.sampler)), look)
    return found


def with_shown(latents: torch.Tensor, shown: Mapping[int, ShownRow]) -> torch.Tensor:
    """Rows of latents (n, C, h, w), with what others look at in its place."""
    if not shown:
        return latents
    places = sent(torch.tensor(list(shown)), latents.device)
    references = torch.cat([each.latents for each in shown.values()])
    return latents.index_copy(0, places, references.to(latents.dtype))


def adapters(
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


def references(
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
