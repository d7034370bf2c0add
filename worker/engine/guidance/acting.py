"""What acts on the layers of a network for some rows of a forward alone."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

from worker.engine.families.model import LoadedModel
from worker.engine.guidance.freeu import freed
from worker.engine.guidance.perturbed import perturbed
from worker.engine.guidance.task_rows import TaskRows
from worker.engine.parts.lora import unread
from worker.engine.parts.rows import Rows
from worker.engine.parts.seamless import wrapping
from worker.engine.request import Tiling
from worker.engine.task import BatchKey, Task

T = TypeVar("T")


def acts(
    model: LoadedModel, rows: TaskRows, start: int, end: int, part: Rows
) -> AbstractContextManager[None] | None:
    """Within it the forward of rows `start` to `end`, as `part` has them, goes as each row asks;
    None where none asks for anything."""
    places = [*range(start, end), *part.beyond]
    owners = rows.owners
    requests = [owners[row].request for row in places]
    if not rows.more and not any(
        each.freeu is not None or each.tiling != "none" for each in requests
    ):
        return None
    tilings: list[Tiling] = [request.tiling for request in requests]
    edges = _filled(tilings, len(part))
    free = _filled([request.freeu for request in requests], len(part))
    alone = [rows.is_perturbed(row) for row in places] if rows.more else [False]
    alone = _filled(alone, len(part))
    wanted: list[AbstractContextManager[None]] = []
    if set(edges) != {"none"}:
        wanted.append(wrapping(model.denoiser, edges))
    if any(each is not None for each in free):
        wanted.append(freed(model.junctions, free))
    if any(alone):
        wanted.append(perturbed(model.looking_about, alone))
    return _together(wanted) if wanted else None


def put_on(model: LoadedModel, key: BatchKey, owners: Sequence[Task]) -> None:
    """Has the forward to come run with the LoRAs of the tasks whose rows these are; of rows that
    fill it up where all have the same."""
    if model.loras_by_row and not key.exact:
        if not any(task.request.loras for task in owners):
            model.loras.use(())
            return
        model.loras.use_by_row([unread(task.request.loras) for task in owners])
    else:
        model.loras.use(key.loras)


@contextmanager
def _together(wanted: Sequence[AbstractContextManager[None]]) -> Iterator[None]:
    with ExitStack() as entered:
        for each in wanted:
            entered.enter_context(each)
        yield


def _filled(numbers: list[T], rows: int) -> list[T]:
    """Rows that fill a forward up are like its first."""
    return [*numbers, *numbers[:1] * (rows - len(numbers))]
