"""The sizes and times of a fitting, as presets that flags may change.

`cpu` fits three and a half hours of one core; `tiny` runs in seconds, for the tests.
"""

from dataclasses import dataclass, field

from ..scenes.bank import Mix


@dataclass(frozen=True)
class Preset:
    """Everything that a fitting needs to know beside its data."""

    size: int = 128  # pixels; latents are an eighth of it
    drawn: tuple[str, ...] = ("3d", "flat")  # the styles of the pictures that are drawn
    seen: tuple[str, ...] = ("3d", "flat", "noto", "twemoji", "noto-v1")  # and those looked at
    mix: Mix = field(
        default_factory=lambda: Mix(
            pictures=(600, 2400, 500, 1400),
            shares=(0.06, 0.2, 0.05, 0.17),
            captions=8,
            vietnamese=0.0,
        )
    )
    batch: int = 32
    decay: float = 0.99
    rank: int = 8  # of the LoRA
    style_minutes: float = 10
    style_rate: float = 2e-3
    hint: tuple[int, ...] = (8, 24, 48, 96)  # channels of what reads edges, halved three times
    edges_minutes: float = 15
    edges_rate: float = 1e-3
    view: int = 60  # pixels of a reference as it is looked at
    patch: int = 12
    width: int = 256  # of the image encoder
    layers: int = 4
    heads: int = 4
    vector: int = 256  # numbers that say what a picture shows
    reading_share: float = 0.8  # of the minutes: the encoder alone, on pictures and their words
    reading_batch: int = 192
    reading_rate: float = 1e-3
    reference_minutes: float = 190
    reference_rate: float = 5e-4


PRESETS = {
    "cpu": Preset(),
    "tiny": Preset(
        size=32,
        seen=("3d", "flat"),
        mix=Mix(pictures=(2, 2, 2, 2), captions=2),
        batch=4,
        rank=2,
        hint=(4, 4, 8, 8),
        view=16,
        patch=8,
        width=16,
        layers=1,
        heads=2,
        vector=8,
        reading_batch=8,
    ),
}
