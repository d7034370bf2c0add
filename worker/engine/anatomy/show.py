"""All that can be shown of a loaded model, under one name for whoever answers questions."""

from worker.engine.anatomy.latents import (
    decoded,
    difference,
    drawn,
    encoded,
    grey,
    psnr,
    seen,
)
from worker.engine.anatomy.noise import (
    STEPS,
    at_once,
    check_timesteps,
    fresh_sampler,
    named,
    of_model,
    question,
    step_by_step,
    training_sampler,
    walk,
)
from worker.engine.anatomy.words import acted, moments, parts, told, without
from worker.engine.prompt.text.spelling import is_whole
from worker.engine.trace.file import sheets, side_by_side, tensor_in, written

__all__ = [
    "STEPS",
    "acted",
    "at_once",
    "check_timesteps",
    "decoded",
    "difference",
    "drawn",
    "encoded",
    "fresh_sampler",
    "grey",
    "is_whole",
    "moments",
    "named",
    "of_model",
    "parts",
    "psnr",
    "question",
    "seen",
    "sheets",
    "side_by_side",
    "step_by_step",
    "tensor_in",
    "told",
    "training_sampler",
    "walk",
    "without",
    "written",
]
