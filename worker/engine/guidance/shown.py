"""The picture that an image looks at as it looks at itself: what is shown of it, and when."""

from dataclasses import replace

import torch
from torch.nn import functional

from worker.engine.errors import InvalidRequest
from worker.engine.families.model import LoadedModel
from worker.engine.ground.transfer import sent
from worker.engine.parts.condition import Condition
from worker.engine.parts.control import control_tensor, weight_at
from worker.engine.parts.rows import Pair
from worker.engine.references.reference_only import OwnReference
from worker.engine.request import ImageRequest
from worker.engine.task import Task, ready

SEEDS = 2**32


def own_reference(
    request: ImageRequest, model: LoadedModel, width: int, height: int
) -> OwnReference | None:
    """What a picture of this size is shown of the one that it is to be like.

    Its noise is that of the seed that follows, so that nothing else is drawn otherwise for it.
    Raises InvalidRequest for a model whose network cannot be shown it.
    """
    wanted = request.reference_only
    if wanted is None:
        return None
    if not model.refers or model.inpaints or model.edits:
        raise InvalidRequest(
            f"reference_only: the model {model.name} has no U-Net that draws from noise alone."
        )
    picture = control_tensor(wanted.image)
    if picture.shape[-2:] != (height, width):
        picture = functional.interpolate(
            picture, size=(height, width), mode="bilinear", antialias=True
        )
    latents = model.autoencoder.likeliest(sent(picture * 2 - 1, model.device))
    follows = torch.Generator().manual_seed((request.seed + 1) % SEEDS)
    noise = sent(model.noise(width, height, follows), model.device)
    return OwnReference(latents.float(), noise)


def show_reference(task: Task) -> None:
    """Has the rows of the steps in which there is one that acts look at it."""
    if task.reference is None:
        return
    wanted, sampler = ready(task.request.reference_only), ready(task.sampler)
    steps = max(1, len(sampler))
    turns = task.turns or [task.conditions] * steps
    looked = {id(each): _with_reference(each, task) for each in turns}
    acts = [wanted.weight > 0 and weight_at(wanted, step, steps) > 0 for step in range(steps)]
    task.turns = [looked[id(each)] if on else each for each, on in zip(turns, acts, strict=True)]
    task.conditions = task.turns[0]


def _with_reference(conditions: tuple[Condition, ...], task: Task) -> tuple[Condition, ...]:
    first = Condition(conditions[0].inputs, shown_to="prompt")
    if not task.guided:
        return (*conditions, first)
    without = {name: Pair(pair.without) for name, pair in first.inputs.items()}
    return (*conditions, first, replace(first, inputs=without, shown_to="negative"))
