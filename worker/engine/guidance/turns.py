"""What a picture's prompts are at each forward of a pass."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from grammar.edits import Count
from grammar.script import MAX_WORDINGS, Script
from worker.engine.errors import InvalidRequest
from worker.engine.families.model import LoadedModel, Text
from worker.engine.ground.transfer import sent
from worker.engine.guidance.places import shares
from worker.engine.parts.condition import Condition
from worker.engine.parts.rows import Pair
from worker.engine.task import Task, ready


def turns_of(
    task: Task,
    model: LoadedModel,
    script: Script,
    inputs: Callable[[Text], dict[str, Pair]],
    size: tuple[int, int],
) -> list[tuple[Condition, ...]]:
    """The conditions of each forward of this pass; where the words are the same, the same ones."""
    count = _count(task)
    forwards = max(1, len(ready(task.sampler)))
    said = [script.at(forward, count) for forward in range(forwards)]
    places: Sequence[torch.Tensor | None] = ()
    if script.placed:
        found = shares(task.request.regions, *model.latent_size(*size))
        places = [sent(share, model.device) for share in found if share is not None]
        said = [
            (tuple(part for part, share in zip(parts, found, strict=True) if share is not None), no)
            for parts, no in said
        ]
    pairs = list(dict.fromkeys((part.text, negative) for parts, negative in said for part in parts))
    if len(pairs) > MAX_WORDINGS:
        raise InvalidRequest(
            f"prompt: from step to step it becomes {len(pairs)} different texts, and at most"
            f" {MAX_WORDINGS} are read."
        )
    asked = [
        replace(task.request, prompt=prompt, negative_prompt=negative) for prompt, negative in pairs
    ]
    texts = model.read_all(asked, variant=task.variant)
    made = dict(zip(pairs, map(inputs, texts), strict=True))
    turns = {
        (parts, negative): tuple(
            Condition(made[part.text, negative], part.weight, share)
            for part, share in zip(parts, places or [None] * len(parts), strict=True)
        )
        for parts, negative in dict.fromkeys(said)
    }
    return [turns[wording] for wording in said]


def _count(task: Task) -> Count:
    """How AUTOMATIC1111 counts the forwards of this pass: a walk that begins at a picture from its
    first one and as if it had all its steps, a second pass by the steps that it walks."""
    request, sampler = task.request, ready(task.sampler)
    first = request.steps * sampler.order
    if not task.enlarged or request.enlarge is None:
        return Count(first)
    if not task.steps_before:
        return Count(request.enlarge.steps * sampler.order)
    walked = -(-len(sampler) // sampler.order)
    return Count(walked * sampler.order, before=first)


def perturb(task: Task) -> None:
    """Has a picture with perturbed-attention guidance take its first prompt again, for a network
    that does not look about itself."""
    if not task.request.pag_scale:
        return
    turns = {id(each): each for each in (task.conditions, *task.turns)}
    again = {
        name: (*each, Condition(each[0].inputs, perturbed=True)) for name, each in turns.items()
    }
    task.conditions = again[id(task.conditions)]
    task.turns = [again[id(each)] for each in task.turns]
