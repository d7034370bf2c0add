"""The widths of a model, by which add-ons are found to fit it. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.models.files.formats.layout import read_json
from worker.models.files.transformers import transformer_width


@dataclass(frozen=True)
class ModelWidths:
    """What of a model decides which add-ons fit it: how wide the text is that its UNet's layers
    read, and that the UNet and what steers it are given (Kolors' projects it), its channels at each
    level, how wide each text encoder's tokens are, and how many channels its latents have; for a
    transformer its family and how wide it is."""

    text: int = 0
    given: int = 0
    channels: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()
    latents: int = 4
    family: str = ""
    wide: int = 0


def model_widths(config: Path) -> ModelWidths:
    """The widths of a model in the diffusers layout. Raises SourceError."""
    if not (config / "unet").is_dir():
        family, wide = transformer_width(config)
        return ModelWidths(family=family, wide=wide)
    unet = read_json(config / "unet" / "config.json")
    texts = [config / part / "config.json" for part in ("text_encoder", "text_encoder_2")]
    tokens = [read_json(file).get("hidden_size", 0) for file in texts if file.is_file()]
    vae = config / "vae" / "config.json"
    latents = int(read_json(vae).get("latent_channels", 4)) if vae.is_file() else 4
    text = first(unet.get("cross_attention_dim"))
    given = int(unet.get("encoder_hid_dim") or text)
    return ModelWidths(text, given, channels(unet), tuple(map(int, tokens)), latents)


def first(width: int | list[int] | None) -> int:
    """A width that may be said once for each level."""
    return width[0] if isinstance(width, list) else width or 0


def channels(config: dict[str, Any]) -> tuple[int, ...]:
    """Of a UNet, or of what steers one, at each level."""
    return tuple(int(width) for width in config.get("block_out_channels", []))
