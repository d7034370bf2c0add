"""One file of each kind, as somebody drops them into a server that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tests.checkpoints import files as checkpoints
from tests.checkpoints.files import Checkpoint, fill
from tests.checkpoints.layers import autoencoder_shapes
from tests.dropped.dropping.stocked import merged, steered, taught, tensors_of
from tests.dropped.test_checkpoints import INPAINT, INPAINTED, MARKERS, V_PREDICTION, scene, sent
from tests.dropped.test_loras import dora, loha

SD1 = checkpoints.sd1()
STRENGTH = 0.7
LORAS = {"ink": loha, "paper": dora}


@dataclass(frozen=True)
class Dropped:
    """A file: where it goes, where the room of models shows it, what a picture with it is asked
    for by, and what stock is told. Without a checkpoint the picture is the first one's."""

    folder: str
    shown: str
    asked: Mapping[str, Any]
    told: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None


def everything() -> dict[str, Dropped]:
    """By the names of the files."""
    control = {"model": "edges", "image": sent(scene())}
    loras = {
        name: Dropped(
            "loras",
            "Styles",
            {"loras": [{"name": name, "weight": STRENGTH}]},
            {"change": merged(kind, 3, STRENGTH)},
        )
        for name, kind in LORAS.items()
    }
    return {
        "dream": Dropped("", "Models", {}, checkpoint=SD1),
        "large": Dropped("", "Models", {"guidance_scale": 5.0}, checkpoint=checkpoints.sdxl()),
        "mend": Dropped("", "Models", INPAINT, INPAINTED, checkpoint=checkpoints.sd1(9)),
        "velocity": Dropped(
            "",
            "Models",
            {"guidance_scale": 5.0},
            {"scheduler": V_PREDICTION},
            checkpoint=checkpoints.sdxl(more=MARKERS),
        ),
        **loras,
        "edges": Dropped("controlnets", "ControlNets", {"controls": [control]}, {"image": scene()}),
        "clear": Dropped("vae", "Autoencoders", {"vae": "clear"}),
        "bad-hands": Dropped("embeddings", "Learned words", {"negative_prompt": "bad-hands"}),
    }


def write(name: str, of: Dropped, folder: Path, pipe: Any) -> Path:
    """Write the file of this name, as it comes to whoever has it; `pipe` is the first model's."""
    file = folder / f"{name}.safetensors"
    if of.checkpoint is not None:
        return of.checkpoint.save(file)
    if name in LORAS:
        tensors = tensors_of(LORAS[name], 3, pipe)
    elif name == "edges":
        tensors = fill(SD1.unet.controlnet(), 9)
    elif name == "clear":
        tensors = fill(autoencoder_shapes(), 8)
    else:
        words = torch.randn(2, 64, generator=torch.Generator().manual_seed(1)) * 0.1
        tensors = {"emb_params": words}
    save_file(tensors, file)
    return file


def told(file: Path, of: Dropped) -> dict[str, Any]:
    """What stock is told of a file."""
    said = {key: value for key, value in of.asked.items() if key == "guidance_scale"}
    said |= of.told
    if file.stem == "edges":
        said["change"] = steered(file)
    elif file.stem == "clear":
        said["vae"] = file
    elif file.stem == "bad-hands":
        said |= {"change": taught(file, file.stem), "negative_prompt": file.stem}
    return said
