"""LoRAs of transformers the whole way: files as trainers write them, by HTTP to PNGs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from diffusers.pipelines.auto_pipeline import AutoPipelineForText2Image
from safetensors.torch import save_file

from tests.engine.helpers import difference
from tests.running.paths import API
from tests.running.site import Site, site_in
from tests.tiny.pipelines.pipelines import SAVERS
from tests.worker.families.comparing.asking import USUAL, made, picture
from tests.worker.families.comparing.stock import FAMILIES, stock
from worker.engine import TOLERANCE

RANK, ALPHA = 4, 2.0

Tensors = dict[str, torch.Tensor]
Names = dict[str, list[str]]
"""Layers as the inventors of a family name them, each with those that it is in diffusers."""

ATTENTION = ["attn.to_q", "attn.to_k", "attn.to_v"]
CONTEXT = ["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"]


def block(names: list[str], at: str = "transformer_blocks.0") -> list[str]:
    return [f"{at}.{name}" for name in names]


FLUX: Names = {
    "double_blocks.0.img_attn.qkv": block(ATTENTION),
    "double_blocks.0.txt_attn.qkv": block(CONTEXT),
    "double_blocks.0.img_attn.proj": block(["attn.to_out.0"]),
    "double_blocks.0.txt_mlp.2": block(["ff_context.net.2"]),
    "double_blocks.0.img_mod.lin": block(["norm1.linear"]),
    "single_blocks.0.linear1": block([*ATTENTION, "proj_mlp"], "single_transformer_blocks.0"),
    "single_blocks.0.linear2": block(["proj_out"], "single_transformer_blocks.0"),
    "final_layer.adaLN_modulation.1": ["norm_out.linear"],
}
SD3: Names = {
    "joint_blocks.0.x_block.attn.qkv": block(ATTENTION),
    "joint_blocks.0.context_block.attn.qkv": block(CONTEXT),
    "joint_blocks.0.x_block.mlp.fc1": block(["ff.net.0.proj"]),
    # Of the last block, where it is another kind of norm.
    "joint_blocks.1.context_block.adaLN_modulation.1": block(
        ["norm1_context.linear"], "transformer_blocks.1"
    ),
    "final_layer.adaLN_modulation.1": ["norm_out.linear"],
}
QWEN: Names = {
    name: [name]
    for name in block([*ATTENTION, *CONTEXT, "attn.to_out.0", "img_mlp.net.2", "img_mod.1"])
}
Z_IMAGE: Names = {
    "layers.0.attention.qkv": block(["to_q", "to_k", "to_v"], "layers.0.attention"),
    "layers.0.attention.out": ["layers.0.attention.to_out.0"],
    "layers.0.feed_forward.w1": ["layers.0.feed_forward.w1"],
    "layers.0.adaLN_modulation.0": ["layers.0.adaLN_modulation.0"],
}
LUMINA2: Names = {
    "layers.0.attention.qkv": block(ATTENTION, "layers.0"),
    "layers.0.attention.out": ["layers.0.attn.to_out.0"],
    "layers.0.feed_forward.w2": ["layers.0.feed_forward.linear_2"],
    "layers.0.adaLN_modulation.1": ["layers.0.norm1.linear"],
}
QUICK = ("flux",)
LAYERS = {"flux": FLUX, "sd3": SD3, "qwen-image": QWEN, "z-image": Z_IMAGE, "lumina2": LUMINA2}

SWAPPED = ("norm_out.linear", "norm1_context.linear")
"""Of which scale and shift stand the other way round in diffusers."""

CLIP = "encoder.layers.0.self_attn.q_proj"
WITH_CLIP = ("flux", "sd3")

XLABS = {
    "double_blocks.0.img_attn.qkv": "double_blocks.0.processor.qkv_lora1",
    "double_blocks.0.txt_attn.qkv": "double_blocks.0.processor.qkv_lora2",
    "double_blocks.0.img_attn.proj": "double_blocks.0.processor.proj_lora1",
    "single_blocks.0.linear2": "single_blocks.0.processor.proj_lora",
}


def originals(family: str, pipeline: Any, seed: int) -> tuple[Tensors, Tensors]:
    """A LoRA under the names of the family's inventors, without prefix, `.down` and `.up`; and the
    same as diffusers' own loader takes it. The scale, alpha / rank, is in the second only."""
    generator = torch.Generator().manual_seed(seed)
    modules = dict(pipeline.transformer.named_modules())
    theirs: Tensors = {}
    ours: Tensors = {}
    for name, layers in LAYERS[family].items():
        outputs = [modules[layer].out_features for layer in layers]
        down = torch.randn(RANK, modules[layers[0]].in_features, generator=generator) * 0.5
        up = torch.randn(sum(outputs), RANK, generator=generator) * 0.5
        theirs |= {f"{name}.down": down, f"{name}.up": up}
        for layer, part in zip(layers, up.split(outputs), strict=True):
            if layer.endswith(SWAPPED):
                part = torch.cat(part.chunk(2)[::-1])
            ours[f"transformer.{layer}.lora_A.weight"] = down.clone()
            ours[f"transformer.{layer}.lora_B.weight"] = part.clone()
    return theirs, ours


def clip(seed: int) -> Tensors:
    generator = torch.Generator().manual_seed(seed)
    return {end: torch.randn(*shape, generator=generator) for end, shape in ENDS.items()}


ENDS = {"down": (RANK, 32), "up": (32, RANK)}
PEFT = {"down": "lora_A", "up": "lora_B"}


def scaled(tensors: Tensors) -> Tensors:
    return {k: t * (ALPHA / RANK) if "lora_B" in k else t for k, t in tensors.items()}


def kohya(theirs: Tensors) -> Tensors:
    named: Tensors = {}
    for name, tensor in theirs.items():
        layer, _, end = name.rpartition(".")
        path = f"lora_unet_{layer.replace('.', '_')}"
        named |= {f"{path}.lora_{end}.weight": tensor, f"{path}.alpha": torch.tensor(ALPHA)}
    return named


def comfy(theirs: Tensors) -> Tensors:
    split = {name: name.rpartition(".") for name in theirs}
    return {
        f"diffusion_model.{layer}.{PEFT[end]}.weight": theirs[name]
        for name, (layer, _, end) in split.items()
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A whole server with tiny models of these families, and LoRAs in its folder."""
    data = tmp_path_factory.mktemp("loras")
    loras = data / "models" / "loras"
    loras.mkdir(parents=True)
    for seed, family in enumerate(LAYERS):
        pipeline = AutoPipelineForText2Image.from_pretrained(SAVERS[family](data / family))
        theirs, own = originals(family, pipeline, seed)
        ours = dict(own)
        save_file(comfy(theirs), loras / f"{family}-comfy.safetensors")
        if family in WITH_CLIP:
            told = clip(seed)
            named = {f"text_encoder.text_model.{CLIP}.{PEFT[e]}.weight": t for e, t in told.items()}
            own |= named
        save_file(own, loras / f"{family}-own.safetensors")
        other, as_own = originals(family, pipeline, seed + 50)
        save_file(kohya(other), loras / f"{family}-kohya.safetensors")
        expected = {"own": own, "kohya": scaled(as_own), "comfy": ours}
        if family == "flux":
            parts = {n: t for n, t in theirs.items() if n.rpartition(".")[0] in XLABS}
            layers = [each for name in XLABS for each in FLUX[name]]
            save_file(
                {
                    f"{XLABS[n.rpartition('.')[0]]}.{n.rpartition('.')[2]}.weight": t
                    for n, t in parts.items()
                },
                loras / "flux-xlabs.safetensors",
            )
            expected["xlabs"] = {
                name: t
                for name, t in ours.items()
                if name.removeprefix("transformer.").partition(".lora_")[0] in layers
            }
        (data / "expected").mkdir(exist_ok=True)
        for layout, tensors in expected.items():
            save_file(tensors, data / "expected" / f"{family}-{layout}.safetensors")
    models = data / "models.toml"
    models.write_text("\n".join(f'[models.{name}]\nsource = "{name}"' for name in LAYERS))
    with site_in(data, models=models) as site:
        yield site


def with_loras(pipeline: Any, expected: Path, family: str, loras: dict[str, float]) -> None:
    """Puts LoRAs on diffusers' pipeline, in its own layout."""
    pipeline.unload_lora_weights()
    for layout in loras:
        pipeline.load_lora_weights(expected / f"{family}-{layout}.safetensors", adapter_name=layout)
    if loras:
        pipeline.set_adapters(list(loras), list(loras.values()))


# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own solvers.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*peft:UserWarning")
@pytest.mark.parametrize(
    "family",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in LAYERS],
)
def test_loras_in_every_layout_are_diffusers_own_picture_in_the_batch(
    site: Site, client: httpx.Client, family: str
):
    sets: list[dict[str, float]] = [
        {},
        {"own": 0.5},
        {"own": 1.0},
        {"kohya": 1.0},
        {"comfy": 1.0},
        {"kohya": 0.5, "own": 1.0},
        *([{"xlabs": 1.0}] if family == "flux" else []),
    ]
    asked = {**USUAL, "steps": 3, "seed": 4}
    if family != "flux":
        asked["negative_prompt"] = "blue"
    jobs = [
        made(
            client,
            model=family,
            loras=[{"name": f"{family}-{each}", "weight": w} for each, w in loras.items()],
            **asked,
        )
        for loras in sets
    ]
    pictures = [picture(client, job) for job in jobs]
    pipeline = AutoPipelineForText2Image.from_pretrained(site.data / family)
    pipeline.set_progress_bar_config(disable=True)
    for loras, ours in zip(sets, pictures, strict=True):
        with_loras(pipeline, site.data / "expected", family, loras)
        assert difference(ours, stock(FAMILIES[family], pipeline, asked)) <= TOLERANCE, loras
    plain = pictures[0].astype(int)
    assert all(abs(each - plain).max() > 2 * TOLERANCE for each in pictures[1:])


def test_a_lora_is_offered_to_its_family_and_refused_by_another(client: httpx.Client):
    cards = {each["name"]: each for each in client.get(f"{API}/models").json()["models"]}
    for family, card in cards.items():
        offered = {each["name"]: each["family"] for each in card["loras"]}
        layouts = ["comfy", "kohya", "own", *(["xlabs"] if family == "flux" else [])]
        assert set(offered) >= {f"{family}-{each}" for each in layouts}, family
        assert not any("lumina" in name for name in offered if family != "lumina2")
    families = {each["name"]: each["family"] for each in cards["flux"]["loras"]}
    assert {families[f"flux-{each}"] for each in ("comfy", "kohya", "own", "xlabs")} == {"flux"}
    asked = {**USUAL, "model": "sd3", "loras": [{"name": "flux-kohya"}]}
    answer = client.post(f"{API}/jobs", json=asked)
    assert answer.status_code == 422, answer.text
    told = answer.json()["errors"][0]
    assert told["pointer"] == "/loras/0/name"
    assert "'flux-kohya' is for flux (flux); the model sd3 is sd3" in told["detail"]
