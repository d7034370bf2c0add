"""Which sampler and how much guidance: what a prompt gets that names neither."""

from ..data import Pictures
from ..sampling import SAMPLERS, Model
from ..scenes.studio import Studio
from ..scenes.things import read_things
from . import following
from .judge import Judge

SCALES = (2.5, 4.0, 6.0)
FIGURES = ("singles_top1", "thing_and_colour", "thing_and_number", "one_of_a_pair")


def compare(
    model: Model,
    pictures: Pictures,
    seed: int = 0,
) -> list[dict]:
    """FIGURES of the same held-out questions and seeds by each sampler at each guidance scale, and
    their mean; best first."""
    things, size = read_things(pictures), pictures.pixels.shape[-1]
    studio = Studio(pictures.art, things, size, free=False)
    judge = Judge.learn(model.vae, pictures.pixels, things)
    asked = following.questions(things, studio, seed)
    kinds = (*following.MEASURES, "singles")
    rows = []
    for sampler in SAMPLERS:
        for scale in SCALES:
            drawn = {
                kind: following.draw(model, asked[kind], seed, sampler=sampler, guidance=scale)
                for kind in kinds
                if asked[kind]
            }
            some = {kind: asked[kind] if kind in drawn else [] for kind in asked}
            found = following.measure(judge, some, drawn.__getitem__)
            figures = {name: found[name] for name in FIGURES if name in found}
            mean = round(sum(figures.values()) / max(1, len(figures)), 3)
            rows.append({"sampler": sampler, "guidance_scale": scale, **figures, "mean": mean})
    return sorted(rows, key=lambda row: row["mean"], reverse=True)
