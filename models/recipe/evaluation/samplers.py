"""Which sampler and how much guidance: what a prompt gets that names neither."""

from collections.abc import Callable

from ..data import Pictures
from ..sampling import GUIDANCE, SAMPLERS, Model
from ..scenes.studio import Studio
from ..scenes.things import read_things
from . import following
from .judge import Judge

SCALES = (2.5, 4.0, 6.0)
FIGURES = ("singles_top1", "thing_and_colour", "thing_and_number", "both_of_a_pair")


def compare(
    model: Model, pictures: Pictures, seed: int = 0, say: Callable[[str], None] = print
) -> list[dict]:
    """FIGURES of the same held-out questions and seeds, and their mean; best first: by every
    sampler at the usual guidance scale, and by the best of them at the others."""
    things, size = read_things(pictures), pictures.pixels.shape[-1]
    studio = Studio(pictures.art, things, size, free=False)
    judge = Judge.learn(model.vae, pictures.pixels, things)
    asked = following.questions(things, studio, seed)
    kinds = [kind for kind in (*following.MEASURES, "singles") if asked[kind]]
    some = {kind: asked[kind] if kind in kinds else [] for kind in asked}

    def row(sampler: str, scale: float) -> dict:
        found = following.measure(
            judge,
            some,
            lambda kind: following.draw(model, asked[kind], seed, sampler=sampler, guidance=scale),
        )
        figures = {name: found[name] for name in FIGURES if name in found}
        mean = round(sum(figures.values()) / max(1, len(figures)), 3)
        made = {"sampler": sampler, "guidance_scale": scale, **figures, "mean": mean}
        say(str(made))
        return made

    rows = [row(sampler, GUIDANCE) for sampler in SAMPLERS]
    best = max(rows, key=lambda each: each["mean"])["sampler"]
    rows += [row(best, scale) for scale in SCALES if scale != GUIDANCE]
    return sorted(rows, key=lambda each: each["mean"], reverse=True)
