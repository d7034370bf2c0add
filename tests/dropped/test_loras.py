"""LoRAs of every kind, each one file: equal to stock diffusers' picture of weights that were merged
by hand, as the papers and LyCORIS define each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from safetensors.torch import save_file

from tests.checkpoints import files as checkpoints
from tests.dropped.dropping.room import LEVELS, Pixels, Room, difference, room_in
from tests.tiny.models import save_tiny

pytestmark = pytest.mark.slow

STRENGTH, STEPS, SEED = 0.7, 3, 5
ASKED = {"prompt": "a red apple", "width": 32, "height": 32}
LEVEL = 1
RANK = 4

Tensors = dict[str, torch.Tensor]
Weights = torch.Tensor
Kind = Callable[[Weights, torch.Generator], tuple[Tensors, Weights] | None]
"""From a layer's weight to what a file says of it, and to the weight that it means at strength 1;
None where the kind is not for such a layer."""


def noise(generator: torch.Generator, *shape: int, size: float = 0.3) -> torch.Tensor:
    return torch.randn(shape, generator=generator) * size


def low_rank(weight: Weights, generator: torch.Generator) -> tuple[Tensors, Weights]:
    up = noise(generator, len(weight), RANK, *[1] * (weight.dim() - 2))
    down = noise(generator, RANK, *weight.shape[1:])
    tensors = {"lora_up.weight": up, "lora_down.weight": down, "alpha": torch.tensor(2.0)}
    return tensors, weight + torch.einsum("o r, r ... -> o ...", up.flatten(1), down) * 2 / RANK


def tucker(weight: Weights, generator: torch.Generator) -> tuple[Tensors, Weights] | None:
    if weight.dim() < 4 or weight.shape[-1] == 1:
        return None
    up = noise(generator, len(weight), RANK, 1, 1)
    mid = noise(generator, RANK, RANK, *weight.shape[2:])
    down = noise(generator, RANK, weight.shape[1], 1, 1)
    tensors = {"lora_up.weight": up, "lora_mid.weight": mid, "lora_down.weight": down}
    delta = torch.einsum("o r, r s h w, s i -> o i h w", up[..., 0, 0], mid, down[..., 0, 0])
    return tensors, weight + delta


def loha(weight: Weights, generator: torch.Generator) -> tuple[Tensors, Weights]:
    reads = weight[0].numel()
    a1, a2 = (noise(generator, len(weight), RANK) for _ in range(2))
    b1, b2 = (noise(generator, RANK, reads) for _ in range(2))
    tensors = {"hada_w1_a": a1, "hada_w1_b": b1, "hada_w2_a": a2, "hada_w2_b": b2}
    delta = (a1 @ b1) * (a2 @ b2) * 2 / RANK
    return tensors | {"alpha": torch.tensor(2.0)}, weight + delta.reshape(weight.shape)


def loha_tucker(weight: Weights, generator: torch.Generator) -> tuple[Tensors, Weights] | None:
    if weight.dim() < 4 or weight.shape[-1] == 1:
        return None
    t1, t2 = (noise(generator, RANK, RANK, *weight.shape[2:], size=0.6) for _ in range(2))
    a1, a2 = (noise(generator, RANK, len(weight), size=0.6) for _ in range(2))
    b1, b2 = (noise(generator, RANK, weight.shape[1], size=0.6) for _ in range(2))
    tensors = {"hada_t1": t1, "hada_w1_a": a1, "hada_w1_b": b1}
    tensors |= {"hada_t2": t2, "hada_w2_a": a2, "hada_w2_b": b2}
    first, second = (
        torch.einsum("i j h w, i o, j c -> o c h w", t, a, b)
        for t, a, b in ((t1, a1, b1), (t2, a2, b2))
    )
    return tensors, weight + first * second


def lokr(weight: Weights, generator: torch.Generator) -> tuple[Tensors, Weights]:
    w1 = noise(generator, 2, 2)
    shape = len(weight) // 2, weight.shape[1] // 2
    a = noise(generator, shape[0], RANK)
    b = noise(generator, RANK, shape[1], *weight.shape[2:])
    tensors = {"lokr_w1": w1, "lokr_w2_a": a, "lokr_w2_b": b, "alpha": torch.tensor(2.0)}
    w2 = torch.einsum("o r, r ... -> o ...", a, b)
    blocks = [torch.cat([w1[i, j] * w2 for j in range(2)], dim=1) for i in range(2)]
    return tensors, weight + torch.cat(blocks) * 2 / RANK


def lokr_whole(weight: Weights, generator: torch.Generator) -> tuple[Tensors, Weights]:
    """Of two whole matrices, whose alpha means nothing."""
    w1 = noise(generator, 2, 2)
    w2 = noise(generator, len(weight) // 2, weight.shape[1] // 2, *weight.shape[2:])
    blocks = [torch.cat([w1[i, j] * w2 for j in range(2)], dim=1) for i in range(2)]
    tensors = {"lokr_w1": w1, "lokr_w2": w2, "alpha": torch.tensor(2.0)}
    return tensors, weight + torch.cat(blocks)


def dora(weight: Weights, generator: torch.Generator) -> tuple[Tensors, Weights]:
    """A length for each input, as LyCORIS writes it."""
    tensors, changed = low_rank(weight, generator)
    length = noise(generator, 1, weight.shape[1], *[1] * (weight.dim() - 2)).abs() + 0.5
    each = [changed[:, i] / changed[:, i].norm() * length[0, i] for i in range(weight.shape[1])]
    return tensors | {"dora_scale": length}, torch.stack(each, dim=1)


def dora_by_output(weight: Weights, generator: torch.Generator) -> tuple[Tensors, Weights]:
    tensors, changed = low_rank(weight, generator)
    length = noise(generator, len(weight), *[1] * (weight.dim() - 1)).abs() + 0.5
    each = [row / row.norm() * size for row, size in zip(changed, length, strict=True)]
    return tensors | {"dora_scale": length}, torch.stack(each)


def full(weight: Weights, generator: torch.Generator) -> tuple[Tensors, Weights]:
    diff = noise(generator, *weight.shape, size=0.05)
    return {"diff": diff}, weight + diff


def rotations(blocks: torch.Tensor) -> list[torch.Tensor]:
    skew = blocks - blocks.transpose(-1, -2)
    unit = torch.eye(blocks.shape[-1])
    return [(unit + each) @ torch.linalg.inv(unit - each) for each in skew]


def oft(weight: Weights, generator: torch.Generator) -> tuple[Tensors, Weights]:
    blocks = noise(generator, len(weight) // 4, 4, 4, size=0.2)
    turn = torch.block_diag(*(each.T for each in rotations(blocks)))
    return {"oft_blocks": blocks}, (turn @ weight.flatten(1)).reshape(weight.shape)


def boft(weight: Weights, generator: torch.Generator) -> tuple[Tensors, Weights]:
    """Two stages: neighbours in blocks of four, then rows that lie further apart."""
    blocks = noise(generator, 2, len(weight) // 4, 4, 4, size=0.2)
    changed = weight.flatten(1)
    for stage, each in enumerate(blocks):
        apart = 2 * 2**stage
        order = [
            start + half * apart + row
            for start in range(0, len(weight), 2 * apart)
            for row in range(apart)
            for half in range(2)
        ]
        turned = torch.block_diag(*rotations(each)) @ changed[order]
        changed = torch.empty_like(turned)
        changed[order] = turned
    return {"oft_blocks": blocks}, changed.reshape(weight.shape)


KINDS: dict[str, Kind] = {
    "low-rank": low_rank,
    "tucker": tucker,
    "loha": loha,
    "loha-tucker": loha_tucker,
    "lokr": lokr,
    "lokr-whole": lokr_whole,
    "dora": dora,
    "dora-out": dora_by_output,
    "diff": full,
    "oft": oft,
    "boft": boft,
}
OTHER_NAMES = ("peft", "bare", "comfy")
"""Names of other programs for one and the same LoRA."""

LAYERS = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "net.2", "conv1", "conv2")


def layers_of(pipe: Any) -> Iterator[tuple[str, str, Any]]:
    """Each layer that is changed: its part, its path, and itself."""
    for part, model, ends in (
        ("unet", pipe.unet, LAYERS),
        ("te", pipe.text_encoder, ("q_proj", "fc1")),
    ):
        for path, module in model.named_modules():
            if path.endswith(ends):
                yield part, path, module


class Merged:
    """Files of each kind, and the pictures of stock diffusers with their weights merged."""

    def __init__(self, model: Path, folder: Path) -> None:
        self.model = model
        self.folder = folder
        self.changed: dict[str, dict[tuple[str, str], torch.Tensor]] = {}
        for seed, (name, kind) in enumerate(KINDS.items()):
            self._write(name, kind, seed)

    def open(self) -> Any:
        pipe = StableDiffusionPipeline.from_pretrained(self.model)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def _write(self, name: str, kind: Kind, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        tensors: Tensors = {}
        changed = self.changed.setdefault(name, {})
        for part, path, module in layers_of(self.open()):
            made = kind(module.weight.detach(), generator)
            if made is None:
                continue
            said, changed[part, path] = made
            within = f"text_model.{path.removeprefix('text_model.')}" if part == "te" else path
            at = f"lora_{part}_{within.replace('.', '_')}"
            tensors |= {f"{at}.{each}": tensor.contiguous() for each, tensor in said.items()}
        save_file(tensors, self.folder / f"{name}.safetensors")

    def picture(self, name: str) -> Pixels:
        pipe = self.open()
        for part, path, module in layers_of(pipe):
            if (after := self.changed[name].get((part, path))) is not None:
                module.weight.data += STRENGTH * (after - module.weight.data)
        return drawn(pipe)


def drawn(pipe: Any) -> Pixels:
    generator = torch.Generator().manual_seed(SEED)
    made = pipe(num_inference_steps=STEPS, generator=generator, output_type="np", **ASKED)
    return (made.images[0] * 255).round().astype(int)


def with_lora(room: Room, name: str, model: str = "base") -> Pixels:
    lora = {"name": name, "weight": STRENGTH}
    return room.picture(model=model, seed=SEED, steps=STEPS, loras=[lora], **ASKED)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loras")


@pytest.fixture(scope="module")
def merged(data: Path) -> Merged:
    (data / "models" / "loras").mkdir(parents=True)
    return Merged(save_tiny("sd1", data / "models" / "base"), data / "models" / "loras")


@pytest.fixture(scope="module")
def room(data: Path, merged: Merged) -> Iterator[Room]:
    _save_others(merged)
    _save_original_names(data / "models")
    with room_in(data) as room:
        yield room


def test_every_kind_makes_the_picture_of_weights_that_were_merged_by_hand(
    room: Room, merged: Merged
):
    plain = room.picture(model="base", seed=SEED, steps=STEPS, **ASKED)
    far = {name: difference(with_lora(room, name), merged.picture(name)) for name in KINDS}
    assert {name: levels for name, levels in far.items() if levels > LEVEL} == {}
    same = [name for name in KINDS if np.abs(merged.picture(name) - plain).max() <= 2 * LEVEL]
    assert same == []


def test_a_prompt_may_name_a_lora_as_its_file_is_named(room: Room):
    asked = {"model": "base", "seed": SEED, "steps": STEPS} | ASKED
    tagged = asked | {"prompt": f"{ASKED['prompt']} <lora:Loha Tucker:{STRENGTH}>"}
    made = room.picture(**tagged)
    # What else is in a batch may change a picture by as much.
    assert difference(made, with_lora(room, "loha-tucker")) <= LEVELS
    assert difference(made, room.picture(**asked)) > LEVELS


NORM = "down_blocks.0.resnets.0.norm1"


def _save_others(merged: Merged) -> None:
    """A norm with a bias, and one LoRA under other names."""
    generator = torch.Generator().manual_seed(99)
    wide = 16
    tensors = {"w_norm": noise(generator, wide), "b_norm": noise(generator, wide)}
    at = f"lora_unet_{NORM.replace('.', '_')}"
    save_file({f"{at}.{k}": t for k, t in tensors.items()}, merged.folder / "norm.safetensors")
    pairs: Tensors = {}
    changed = merged.changed.setdefault("named", {})
    for part, path, module in layers_of(merged.open()):
        if part == "unet" and module.weight.dim() == 2:
            said, _ = low_rank(module.weight.detach(), generator)
            up, down = said["lora_up.weight"], said["lora_down.weight"]
            changed[part, path] = module.weight.detach() + up @ down
            pairs |= {f"{path}.lora_A.weight": down, f"{path}.lora_B.weight": up}
    prefixes = ("base_model.model.", "", "diffusion_model.")
    for name, prefix in zip(OTHER_NAMES, prefixes, strict=True):
        file = merged.folder / f"{name}.safetensors"
        save_file({f"{prefix}{key}": tensor for key, tensor in pairs.items()}, file)


def test_a_changed_norm_is_that_of_weights_that_were_merged_by_hand(room: Room, merged: Merged):
    from safetensors.torch import load_file

    pipe = merged.open()
    norm = pipe.unet.get_submodule(NORM)
    tensors = load_file(merged.folder / "norm.safetensors")
    at = f"lora_unet_{NORM.replace('.', '_')}"
    norm.weight.data += STRENGTH * tensors[f"{at}.w_norm"]
    norm.bias.data += STRENGTH * tensors[f"{at}.b_norm"]
    assert difference(with_lora(room, "norm"), drawn(pipe)) <= LEVEL


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_a_lora_is_the_same_under_other_programs_names(room: Room, merged: Merged, name: str):
    assert difference(with_lora(room, name), merged.picture("named")) <= LEVEL


def _save_original_names(folder: Path) -> None:
    """LoHas for a whole checkpoint, in the names of the original code and in diffusers'."""
    checkpoint = checkpoints.sd1()
    checkpoint.save(folder / "whole.safetensors")
    pairs = (
        (
            "input_blocks_4_1_transformer_blocks_0_attn2_to_k",
            "down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k",
            (64, 64),
        ),
        (
            "middle_block_1_transformer_blocks_0_attn1_to_q",
            "mid_block_attentions_0_transformer_blocks_0_attn1_to_q",
            (128, 128),
        ),
        ("output_blocks_11_0_in_layers_2", "up_blocks_3_resnets_2_conv1", (32, 64, 3, 3)),
        ("output_blocks_5_2_conv", "up_blocks_1_upsamplers_0_conv", (128, 128, 3, 3)),
        ("input_blocks_3_0_op", "down_blocks_0_downsamplers_0_conv", (32, 32, 3, 3)),
        ("middle_block_2_out_layers_3", "mid_block_resnets_1_conv2", (128, 128, 3, 3)),
        ("out_2", "conv_out", (4, 32, 3, 3)),
    )
    for number, name in enumerate(("original", "todays")):
        tensors: Tensors = {}
        for seed, pair in enumerate(pairs):
            said, _ = loha(torch.zeros(pair[2]), torch.Generator().manual_seed(seed))
            tensors |= {f"lora_unet_{pair[number]}.{key}": tensor for key, tensor in said.items()}
        save_file(tensors, folder / "loras" / f"{name}.safetensors")


def test_the_original_names_of_layers_are_those_of_the_same_layers(room: Room):
    asked = {"model": "whole", "seed": SEED, "steps": STEPS, **ASKED}
    plain = room.picture(**asked)
    original = with_lora(room, "original", "whole")
    assert difference(original, with_lora(room, "todays", "whole")) == 0
    assert difference(original, plain) > 10
