"""The sizes and times of a training, as presets that flags may change.

`cpu` fits an afternoon of two cores; `gpu` fits half an hour of one large GPU and comes to under
60 MB of weights in fp16; `tiny` runs in seconds and is what the tests use.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """Everything that a training needs to know beside its data."""

    styles: tuple[str, ...] = ("3d", "flat")
    size: int = 128  # pixels; latents are an eighth of it
    vae_channels: tuple[int, ...] = (32, 64, 128, 128)
    vae_minutes: float = 40
    vae_rate: float = 1.5e-3
    vae_batch: int = 32
    crop: int = 64
    adversarial: bool = False
    unet_channels: tuple[int, ...] = (64, 128, 192)
    unet_layers: int = 1
    text_width: int = 192
    text_layers: int = 3
    unet_minutes: float = 180
    unet_rate: float = 8e-4
    unet_batch: int = 64
    decay: float = 0.999
    variants: int = 48  # captions drawn for each picture
    compile: bool = False


PRESETS = {
    "cpu": Preset(),
    "gpu": Preset(
        styles=("3d", "flat", "noto", "twemoji"),
        vae_channels=(40, 80, 160, 160),
        vae_minutes=7,
        vae_rate=1e-3,
        vae_batch=128,
        adversarial=True,
        unet_channels=(80, 160, 240),
        unet_layers=1,
        text_width=256,
        text_layers=3,
        unet_minutes=18,
        unet_rate=6e-4,
        unet_batch=512,
        decay=0.9995,
        variants=256,
        compile=True,
    ),
    "tiny": Preset(
        size=32,
        vae_channels=(8, 8, 8, 8),
        vae_batch=4,
        crop=32,
        unet_channels=(16, 32),
        text_width=32,
        text_layers=1,
        unet_batch=4,
        variants=4,
    ),
}
