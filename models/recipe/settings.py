"""The sizes and times of a training, as presets that flags may change.

`cpu` fits an afternoon of two cores; `gpu` fits half an hour of one large GPU and comes to under
60 MB of weights in fp16; `tune` teaches an exported model (`--init`) scenes in an hour or two of
whatever a busy machine leaves; `tiny` runs in seconds and is what the tests use.
"""

from dataclasses import dataclass, field

from .scenes.bank import Mix


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
    compile: bool = False
    sample_minutes: float = 5  # between two sample grids
    mix: Mix = field(default_factory=Mix)


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
        mix=Mix(pictures=(20000, 40000, 60000, 20000), captions=48),
        compile=True,
    ),
    # A few sizes and places, things that people ask for most, and English: what so little time can
    # teach. The autoencoder stays as it is, and with it every latent that the U-Net knows.
    "tune": Preset(
        vae_minutes=0,
        unet_minutes=75,
        unet_rate=4e-4,
        unet_batch=96,
        decay=0.998,
        sample_minutes=15,
        mix=Mix(
            pictures=(400, 4000, 10000, 2700),
            shares=(0.02, 0.16, 0.32, 0.12),
            free=False,
            vietnamese=0.0,
        ),
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
        mix=Mix(pictures=(4, 4, 4, 4), captions=4),
    ),
}
