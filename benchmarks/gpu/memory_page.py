"""Writes docs/memory.md: what models of today take of a card's memory, computed from their sizes.

The networks are made of their published configurations on the meta device, so that their parameters
are counted and nothing is loaded: python -m benchmarks.gpu.memory_page
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from benchmarks import ROOT
from benchmarks.gpu.networks import NETWORKS, Make
from worker.models.inventory.sizes import BYTES, HEADROOM, OFFLOADS, Offload, on_device

PAGE = ROOT / "docs" / "memory.md"

CARDS = (6, 8, 12, 16, 24)
"""Gigabytes of memory of the cards that people have."""

GIB = 1 << 30


@dataclass(frozen=True)
class Model:
    """A model of the page: its networks by their name in benchmarks/gpu/networks.py."""

    name: str
    networks: str
    quantizes: bool = True


MODELS = (
    Model("Stable Diffusion 1.5", "sd1", quantizes=False),
    Model("SDXL", "sdxl", quantizes=False),
    Model("Stable Diffusion 3.5 medium", "sd3"),
    Model("Sana 1.6B", "sana"),
    Model("PixArt-Sigma", "pixart-sigma"),
    Model("Lumina 2", "lumina2"),
    Model("FLUX.2 klein 4B", "flux2-klein"),
    Model("Z-Image", "z-image"),
    Model("Stable Diffusion 3.5 large", "sd3-large"),
    Model("Chroma", "chroma"),
    Model("FLUX.1 dev", "flux"),
    Model("HiDream-I1", "hidream"),
    Model("Qwen-Image", "qwen-image"),
    Model("FLUX.2 dev", "flux2"),
)

FORMATS: Mapping[str, float] = {
    "16 bits": 2.0,
    "int8, fp8": BYTES["int8"],
    "nf4, int4": BYTES["nf4"],
}


def parameters(make: Make) -> int:
    with torch.device("meta"):
        model = make(None)
    return sum(each.numel() for each in model.parameters())


def rows() -> list[str]:
    made: list[str] = []
    for model in MODELS:
        made_of = {part: parameters(make) for part, make in NETWORKS[model.networks].items()}
        denoiser = made_of.pop("unet", None) or made_of.pop("transformer")
        others = list(made_of.values())
        for name, width in FORMATS.items():
            if name != "16 bits" and not model.quantizes:
                continue
            alone, beside = int(denoiser * width), sum(others) * 2
            sizes = {"transformer": alone} | {str(n): 2 * each for n, each in enumerate(others)}
            ways = OFFLOADS[:-1] if name != "16 bits" else OFFLOADS
            cells = [
                model.name,
                name,
                gb(alone),
                gb(beside),
                *(fits(card, sizes, ways) for card in CARDS),
            ]
            made.append(f"| {' | '.join(cells)} |")
    return made


def gb(size: float) -> str:
    return f"{size / 1e9:.1f}"


WORDS: Mapping[Offload | None, str] = {
    None: "whole",
    "always": "in part",
    "model": "by turns",
    "group": "by layers",
}


def fits(card: int, sizes: Mapping[str, int], ways: Sequence[Offload | None]) -> str:
    """The first way in which a model's weights fit with the room for the work beside them."""
    for each in ways:
        if on_device(sizes, each) + HEADROOM <= card * GIB:
            return WORDS[each]
    return "no"


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

What runs on which card. Written by `python -m benchmarks.gpu.memory_page`: the networks are made of
their published configurations without weights and their parameters are counted. No card was
measured for it.

{table}

- **whole**: all parts lie on the card, with {headroom:.1f} GB left for the work itself.
- **in part**: text encoders and autoencoder lie in main memory, and each comes for its own stage
  beside what draws (`offload = "always"`).
- **by turns**: one part at a time is on the card (`"model"`).
- **by layers**: what draws comes layer by layer, in each step (`"group"`).
- **no**: the largest text encoder alone does not fit with that room, or what draws where it is
  quantized. A worker tries all the same where it fits with less, and draws what is small enough.

A worker takes the first of these by itself (`"auto"`). Main memory has to hold all that does not
lie on the card. What a model that is not in this table takes is said when [it is looked
up](models.md#models-larger-than-the-gpus-memory), for the machine that would have it.

*Weights that draw* are those of the UNet or the transformer, which `quantize` makes smaller; a GGUF
file takes its own size, Q8 about as much as int8, Q4 as nf4. *The rest*, text encoders and
autoencoder, is counted in 16 bits.
[Fewer bits](models.md#fewer-bits) says what each format needs. A picture of more than 1024x1024,
several of them in one forward, LoRAs and ControlNets come on top: a forward that does not fit is
divided, and a picture that never could is refused with a size that would.
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
