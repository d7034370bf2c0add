"""Writes docs/memory.md: what models of today take of a card's memory, computed from their sizes.

The networks are made of their published configurations on the meta device, so that their parameters
are counted and nothing is loaded: python -m benchmarks.memory_page
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.transformers.transformer_z_image import ZImageTransformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3Config,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
)

from worker.models.inventory.sizes import BYTES
from worker.models.loading.free import HEADROOM

PAGE = Path(__file__).parent.parent / "docs" / "memory.md"

CARDS = (6, 8, 12, 16, 24)
"""Gigabytes of memory of the cards that people have."""

GIB = 1 << 30

Make = Callable[[], Any]


def clip_l() -> Any:
    return CLIPTextModel(
        CLIPTextConfig(
            hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
        )
    )


def clip_g() -> Any:
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            hidden_size=1280,
            intermediate_size=5120,
            num_hidden_layers=32,
            num_attention_heads=20,
            projection_dim=1280,
        )
    )


def t5_xxl() -> Any:
    return T5EncoderModel(
        T5Config(
            vocab_size=32128,
            d_model=4096,
            d_kv=64,
            d_ff=10240,
            num_layers=24,
            num_heads=64,
            feed_forward_proj="gated-gelu",
        )
    )


def qwen25_vl() -> Any:
    text = {
        "vocab_size": 152064,
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24]},
    }
    eye = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16}
    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=text, vision_config={**eye, "out_hidden_size": 3584})
    )


def qwen3_4b() -> Any:
    return Qwen3Model(
        Qwen3Config(
            vocab_size=151936,
            hidden_size=2560,
            intermediate_size=9728,
            num_hidden_layers=36,
            num_attention_heads=32,
            num_key_value_heads=8,
            head_dim=128,
        )
    )


def kl(channels: int) -> Make:
    return lambda: AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=channels,
    )


def sd3(**config: Any) -> Make:
    return lambda: SD3Transformer2DModel(
        in_channels=16,
        joint_attention_dim=4096,
        pooled_projection_dim=2048,
        qk_norm="rms_norm",
        sample_size=128,
        **config,
    )


def sdxl() -> Any:
    return UNet2DConditionModel(
        block_out_channels=(320, 640, 1280),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 10),
        attention_head_dim=(5, 10, 20),
        cross_attention_dim=2048,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )


@dataclass(frozen=True)
class Model:
    """A model of the page: its network that draws, and all that reads and decodes."""

    name: str
    denoiser: Make
    others: Sequence[Make]
    quantizes: bool = True


MODELS = (
    Model(
        "Stable Diffusion 1.5",
        lambda: UNet2DConditionModel(cross_attention_dim=768),
        (clip_l, kl(4)),
        quantizes=False,
    ),
    Model("SDXL", sdxl, (clip_l, clip_g, kl(4)), quantizes=False),
    Model(
        "Stable Diffusion 3.5 medium",
        sd3(
            num_layers=24,
            num_attention_heads=24,
            caption_projection_dim=1536,
            pos_embed_max_size=384,
            dual_attention_layers=tuple(range(13)),
        ),
        (clip_l, clip_g, t5_xxl, kl(16)),
    ),
    Model("Z-Image", ZImageTransformer2DModel, (qwen3_4b, kl(16))),
    Model(
        "Stable Diffusion 3.5 large",
        sd3(
            num_layers=38,
            num_attention_heads=38,
            caption_projection_dim=2432,
            pos_embed_max_size=192,
        ),
        (clip_l, clip_g, t5_xxl, kl(16)),
    ),
    Model(
        "FLUX.1 dev",
        lambda: FluxTransformer2DModel(guidance_embeds=True),
        (clip_l, t5_xxl, kl(16)),
    ),
    Model("Qwen-Image", QwenImageTransformer2DModel, (qwen25_vl, kl(16))),
)

FORMATS: Mapping[str, float] = {
    "16 bits": 2.0,
    "int8, fp8": BYTES["int8"],
    "nf4, int4": BYTES["nf4"],
}


def parameters(make: Make) -> int:
    with torch.device("meta"):
        model = make()
    return sum(each.numel() for each in model.parameters())


def rows() -> list[str]:
    made: list[str] = []
    for model in MODELS:
        denoiser = parameters(model.denoiser)
        others = [parameters(each) for each in model.others]
        for name, width in FORMATS.items():
            if name != "16 bits" and not model.quantizes:
                continue
            alone, beside = denoiser * width, sum(others) * 2
            largest = max(alone, *(2 * each for each in others))
            cells = [
                model.name,
                name,
                gb(alone),
                gb(beside),
                *(fits(card, alone + beside, largest) for card in CARDS),
            ]
            made.append(f"| {' | '.join(cells)} |")
    return made


def gb(size: float) -> str:
    return f"{size / 1e9:.1f}"


def fits(card: int, whole: float, largest: float) -> str:
    """Whether a model's weights fit with the room for the work that a worker wants beside them."""
    if whole + HEADROOM <= card * GIB:
        return "whole"
    return "by turns" if largest + HEADROOM <= card * GIB else "no"


def page() -> str:
    heads = [
        "Model",
        "Weights that draw",
        "GB of these",
        "GB of the rest",
        *(f"{c} GB" for c in CARDS),
    ]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *rows()]
    return TEXT.format(table="\n".join(lines), headroom=HEADROOM / 1e9)


TEXT = """# Memory

What runs on which card. Written by `python -m benchmarks.memory_page`: the networks are made of
their published configurations without weights and their parameters are counted. No card was
measured for it.

{table}

- **whole**: all parts lie on the card, with {headroom:.1f} GB left for the work itself.
- **by turns**: text encoders and autoencoder lie in main memory and visit the card for their own
  stage (`offload`); the largest part fits alone.
- **no**: the largest part alone does not fit with that room. A worker tries all the same where it
  fits with less, and draws what is small enough.

*Weights that draw* are those of the UNet or the transformer, which `quantize` makes smaller; a GGUF
file takes its own size, Q8 about as much as int8, Q4 as nf4. *The rest*, text encoders and
autoencoder, is counted in 16 bits, Qwen-Image's autoencoder as FLUX.1's.
[Fewer bits](models.md#fewer-bits) says what each format needs. A picture of more than 1024x1024,
several of them in one forward, LoRAs and ControlNets come on top: a forward that does not fit is
divided, and a picture that never could is refused with a size that would.
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
