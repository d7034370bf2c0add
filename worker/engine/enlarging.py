"""A picture brought to a larger size: by a network in its turn, or beside the steps without one."""

from functools import partial

from worker.engine.ground.beside import Beside
from worker.engine.parts.upscaler import lanczos, nearest
from worker.engine.request import Enlarge, Picture
from worker.engine.task import Stage, Task, ready

RESAMPLED = {"lanczos": lanczos, "nearest": nearest}
"""Upscalers that are no networks."""

LONG = 1024 * 1024
"""Pixels past which they take longer than a step."""


def away(task: Task) -> bool:
    """Whether something of a task is done beside the steps, and nothing can be until then."""
    return task.beside is not None and not task.beside.done


def goes_beside(task: Task) -> bool:
    """Whether what a task needs next begins something that is done beside the steps."""
    wanted = task.request.enlarge
    return (
        task.stage is Stage.ENLARGE
        and task.beside is None
        and wanted is not None
        and wanted.upscaler in RESAMPLED
        and wanted.width * wanted.height > LONG
    )


def enlarged_picture(task: Task, wanted: Enlarge) -> Picture | None:
    """The larger picture; None where it is being made beside the steps."""
    if task.beside is not None:
        picture, task.beside = task.beside.result(), None
        return picture
    beside = goes_beside(task)
    small = task.request.image
    if task.latents is not None:
        small = task.autoencoder.decode(task.latents)
    picture = ready(small)
    if task.add_ons.upscaler is not None:
        return task.add_ons.upscaler.enlarge_to(picture, wanted.width, wanted.height)
    resample = RESAMPLED.get(wanted.upscaler, lanczos)
    enlarged = partial(resample, picture, wanted.width, wanted.height)
    if beside:
        task.beside = Beside(enlarged)
        return None
    return enlarged()
