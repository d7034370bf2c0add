"""A walk with every choice made, and what is wrong with one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from jobs.request.fields.values import LIMITS, SEEDS
from jobs.request.samplers import schedule_problem
from jobs.request.walk.frames import beginnings, count, usual_steps
from jobs.request.walk.part import FEWEST, NEEDS, TAKES, Walk

FIELDS = ("prompt", "seed", "frames", "steps", "samplers", "schedules")


def faults(walk: Walk, prompt: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a walk of this prompt: pointers, and what to say."""
    for name in FIELDS:
        if name not in TAKES[walk.over] and getattr(walk, name) is not None:
            takers = " and ".join(over for over, names in TAKES.items() if name in names)
            does = "do" if " and " in takers else "does"
            detail = f"a walk over {walk.over} does not take it; {takers} {does}"
            yield f"/walk/{name}", detail
    needed = NEEDS.get(walk.over)
    if needed and not getattr(walk, needed):
        yield f"/walk/{needed}", f"is required: a walk over {walk.over} goes by it"
    if walk.over == "words" and len(beginnings(prompt)) < FEWEST:
        yield "/prompt", "must have two words at least, what is in brackets counting as one"
    for index, name in enumerate(walk.schedules or []):
        if problem := schedule_problem(name):
            yield f"/walk/schedules/{index}", problem
    both = walk.over == "samplers" and walk.samplers and walk.schedules
    if both and len(walk.samplers or []) != len(walk.schedules or []):
        yield "/walk/schedules", f"must be as many as samplers, {len(walk.samplers or [])}"
    if LIMITS.max_count < FEWEST:
        yield "/walk", f"has two pictures at least, and here a job may have {LIMITS.max_count}"


def chosen(walk: Walk, prompt: str) -> tuple[Walk, int]:
    """The walk with what was left out filled in, and how many pictures it has."""
    filled = walk
    if walk.over == "seeds" and walk.seed is None:
        filled = walk.model_copy(update={"seed": secrets.randbelow(SEEDS)})
    elif walk.over == "steps" and walk.steps is None:
        steps = usual_steps(LIMITS.max_count, LIMITS.max_steps)
        filled = walk.model_copy(update={"steps": steps})
    pictures = count(filled, prompt, LIMITS.max_count)
    if TAKES[walk.over][-1:] == ("frames",):
        filled = filled.model_copy(update={"frames": pictures})
    return filled, pictures
