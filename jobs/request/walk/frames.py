"""The pictures of a walk: what each has that the request has otherwise."""

from __future__ import annotations

import re
from typing import Any

from jobs.request.walk.part import FRAMES, STEPS, Walk

OPENING, CLOSING = "([{", ")]}"

WORD = re.compile(r"\S+")


def count(walk: Walk, prompt: str, most: int) -> int:
    """How many pictures a walk has; `most` is what a job may have."""
    match walk.over:
        case "prompts" | "seeds":
            return walk.frames or min(FRAMES, most)
        case "words":
            return min(len(beginnings(prompt)), most)
        case "steps":
            return len(walk.steps or [])
        case "samplers":
            return len(walk.samplers or [])
        case "schedules":
            return len(walk.schedules or [])


def usual_steps(most: int, largest: int) -> list[int]:
    """How many steps the pictures take where nobody says: at most so many pictures and steps."""
    return [each for each in STEPS if each <= largest][-most:]


def frame(walk: Walk, index: int, pictures: int, prompt: str) -> dict[str, Any]:
    """The fields that picture `index` of so many has otherwise than the request."""
    # Both ends are the pictures of requests that know of no walk, to the pixel.
    share = index / max(1, pictures - 1)
    match walk.over:
        case "prompts":
            ends = {0: dict[str, Any](), pictures - 1: {"prompt": walk.prompt}}
            return ends.get(index, {"blend_prompt": walk.prompt, "blend": share})
        case "seeds":
            ends = {0: dict[str, Any](), pictures - 1: {"seed": walk.seed}}
            return ends.get(index, {"variation_seed": walk.seed, "variation_strength": share})
        case "words":
            parts = beginnings(prompt)
            # Of a long prompt several words come at once, the last of them in the last picture.
            return {"prompt": parts[round((index + 1) * len(parts) / pictures) - 1]}
        case "steps":
            return {"steps": (walk.steps or [])[index]}
        case "samplers":
            asked: dict[str, Any] = {"sampler": (walk.samplers or [])[index]}
            return asked | ({"schedule": walk.schedules[index]} if walk.schedules else {})
        case "schedules":
            return {"schedule": (walk.schedules or [])[index]}


def beginnings(prompt: str) -> list[str]:
    """The prompt as far as each of its words. What stands in brackets comes at once, so that its
    weight holds for the same words in all of them."""
    ends: list[int] = []
    for word in WORD.finditer(prompt):
        before = prompt[: word.end()]
        depth = sum(map(before.count, OPENING)) - sum(map(before.count, CLOSING))
        if depth <= 0 and word[0] not in ("BREAK", "AND"):
            ends.append(word.end())
    whole = prompt.rstrip()
    if ends and whole and ends[-1] != len(whole):
        ends[-1] = len(whole)
    return [prompt[:end].strip() for end in ends] or [whole]
