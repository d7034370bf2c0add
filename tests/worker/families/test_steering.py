"""UNets that follow pictures: by HTTP to PNGs that are diffusers' own, or those of a few lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from diffusers.models.adapter import T2IAdapter
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
from diffusers.pipelines.controlnet.pipeline_controlnet import StableDiffusionControlNetPipeline
from diffusers.pipelines.controlnet.pipeline_controlnet_union_sd_xl import (
    StableDiffusionXLControlNetUnionPipeline,
)
from diffusers.pipelines.t2i_adapter.pipeline_stable_diffusion_adapter import (
    StableDiffusionAdapterPipeline,
)
from diffusers.pipelines.t2i_adapter.pipeline_stable_diffusion_xl_adapter import (
    StableDiffusionXLAdapterPipeline,
)
from PIL import Image
from torch.nn import functional
from transformers import DPTForDepthEstimation, pipeline
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil

from jobs.pictures.preprocess import preprocess
from tests.engine.helpers import difference
from tests.features.development import photograph, right_half
from tests.running.paths import API
from tests.running.site import Site
from tests.worker.families.comparing.asking import (
    USUAL,
    Fields,
    Pixels,
    data_uri,
    made,
    picture,
    rows_since,
    settled,
)
from tests.worker.families.comparing.stock import UNETS, pipeline_of
from tests.worker.families.conftest import CROSSED
from worker.engine import TOLERANCE

MASK = right_half(32)

STEPS = {"sd1": 6, "sdxl": 5, CROSSED: 6}
FORWARDS = {"sd1": 7, "sdxl": 5, CROSSED: 6}
"""By the model's own sampler."""

SHOWN = photograph(32, seed=21)


def control(model: str, **fields: Any) -> Fields:
    given = {"mask": data_uri(fields.pop("mask"))} if "mask" in fields else {}
    return {"model": model, "image": data_uri(SHOWN), **given, **fields}


def controls(net: str | None, **fields: Any) -> list[Fields]:
    return [] if net is None else [control(net, **fields)]


def pipeline_with(site: Site, family: str, kind: Any, **parts: Any) -> Any:
    pipeline = kind.from_pretrained(site.data / family, **parts)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def drawn(pipeline: Any, family: str, seed: int, **asked: Any) -> Pixels:
    """Diffusers' own picture."""
    made = pipeline(
        USUAL["prompt"],
        width=32,
        height=32,
        num_inference_steps=STEPS[family],
        guidance_scale=UNETS[family.removesuffix("-crossed")].default,
        generator=torch.Generator().manual_seed(seed),
        **asked,
    )
    return np.asarray(made.images[0])


Reshape = Callable[[int, torch.Tensor], torch.Tensor]
"""What becomes of what a ControlNet adds at a level; the middle is 0, those before it are below."""


def controlled(
    site: Site, seed: int, reshape: Reshape | None = None, name: str = "edges", **asked: Any
) -> Pixels:
    net: Any = ControlNetModel.from_pretrained(site.data / "models" / "controlnets" / name)
    if reshape is not None:
        plain = net.forward

        def forward(*args: Any, **given: Any) -> Any:
            down, middle = plain(*args, **given)
            shaped = [
                reshape(level, each) for level, each in enumerate([*down, middle], -len(down))
            ]
            return shaped[:-1], shaped[-1]

        net.forward = forward
    drawing = pipeline_with(site, "sd1", StableDiffusionControlNetPipeline, controlnet=net)
    return drawn(drawing, "sd1", seed, image=SHOWN, **asked)


def softly(level: int, added: torch.Tensor) -> torch.Tensor:
    return added * 0.825**-level


def to_the_prompt_alone(level: int, added: torch.Tensor) -> torch.Tensor:
    without, towards = softly(level, added).chunk(2)
    return torch.cat([torch.zeros_like(without), towards])


def on_the_right(_: int, added: torch.Tensor) -> torch.Tensor:
    mask = torch.from_numpy(np.asarray(MASK) / 255.0).float()[None, None]
    return added * functional.interpolate(mask, size=added.shape[-2:], mode="bilinear")


def test_controls_share_forwards_with_plain_pictures_and_each_is_its_equivalent(
    site: Site, client: httpx.Client
):
    asked: Sequence[tuple[Fields, Callable[[int], Pixels]]] = (
        (
            {"control_mode": "guess", "weight": 0.8},
            lambda seed: controlled(site, seed, guess_mode=True, controlnet_conditioning_scale=0.8),
        ),
        ({"control_mode": "prompt"}, lambda seed: controlled(site, seed, softly)),
        ({"control_mode": "control"}, lambda seed: controlled(site, seed, to_the_prompt_alone)),
        ({"mask": MASK}, lambda seed: controlled(site, seed, on_the_right)),
        ({}, lambda seed: controlled(site, seed)),
        ({"net": "lines"}, lambda seed: controlled(site, seed, name="lines")),
        ({"net": None}, lambda seed: drawn(pipeline_of(site.data / "sd1"), "sd1", seed)),
    )
    usual = {**USUAL, "model": "sd1", "steps": STEPS["sd1"]}
    start = settled(client, "sd1")
    with site.worker.held():
        jobs = [
            made(client, **usual, seed=seed, controls=controls(**{"net": "edges", **fields}))
            for seed, (fields, _) in enumerate(asked)
        ]
    pictures = [picture(client, job) for job in jobs]
    for seed, ((fields, equivalent), ours) in enumerate(zip(asked, pictures, strict=True)):
        assert difference(ours, equivalent(seed)) <= TOLERANCE, fields
    expected = 2 * len(asked) * FORWARDS["sd1"]
    total, forwards = rows_since(client, "sd1", start, expected)
    assert total == expected
    # Of several ControlNets and plain: apart they could not be fewer than three for each step.
    assert forwards < 3 * FORWARDS["sd1"]


# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own solvers.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The decode_latents method:FutureWarning")
@pytest.mark.slow
@pytest.mark.parametrize("family", [CROSSED, "sdxl"])
def test_t2i_adapters_share_forwards_with_plain_pictures_and_are_diffusers_own(
    site: Site, client: httpx.Client, family: str
):
    usual = {**USUAL, "model": family, "steps": STEPS[family]}
    start = settled(client, family)
    two = [control(f"{family}-t2i", end=0.0), control(f"{family}-t2i", mask=MASK)]
    with site.worker.held():
        steered = made(client, **usual, seed=1, controls=[control(f"{family}-t2i", weight=0.7)])
        plain = made(client, **usual, seed=1)
        parted = made(client, **usual, seed=1, controls=two)
    adapter = T2IAdapter.from_pretrained(site.data / "models" / "controlnets" / f"{family}-t2i")
    kinds = {CROSSED: StableDiffusionAdapterPipeline, "sdxl": StableDiffusionXLAdapterPipeline}
    drawing = pipeline_with(site, family, kinds[family], adapter=adapter)
    ours, without, part = (picture(client, job) for job in (steered, plain, parted))
    expected = drawn(drawing, family, 1, image=SHOWN, adapter_conditioning_scale=0.7)
    assert difference(ours, expected) <= TOLERANCE
    assert difference(ours, without) > 10 * TOLERANCE
    whole = drawn(drawing, family, 1, image=SHOWN)
    plain_forward = adapter.forward
    adapter.forward = lambda *given: [on_the_right(0, each) for each in plain_forward(*given)]
    assert difference(part, drawn(drawing, family, 1, image=SHOWN)) <= TOLERANCE
    assert difference(part, whole) > 10 * TOLERANCE
    total, forwards = rows_since(client, family, start, 6 * FORWARDS[family])
    assert total == 6 * FORWARDS[family]
    assert forwards < 0.9 * 3 * FORWARDS[family]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_controlnet_of_several_kinds_takes_the_one_that_is_said_or_was_made(
    site: Site, client: httpx.Client
):
    [card] = [
        each for each in client.get(f"{API}/models").json()["models"] if each["name"] == "sdxl"
    ]
    [listed] = [each for each in card["controlnets"] if each["name"] == "sdxl-union"]
    assert listed["control_types"][3] == "canny"
    usual = {**USUAL, "model": "sdxl", "steps": STEPS["sdxl"], "seed": 2}
    unsaid = client.post(f"{API}/jobs", json={**usual, "controls": [control("sdxl-union")]})
    [error] = unsaid.json()["errors"]
    assert error["pointer"] == "/controls/0/control_type"
    assert "must say of which kind the picture is: openpose, depth" in error["detail"]
    canny = made(client, **usual, controls=[control("sdxl-union", preprocessor="canny")])
    depth = made(client, **usual, controls=[control("sdxl-union", control_type="depth")])
    net = ControlNetUnionModel.from_pretrained(site.data / "models/controlnets/sdxl-union")
    drawing = pipeline_with(site, "sdxl", StableDiffusionXLControlNetUnionPipeline, controlnet=net)
    edges = Image.fromarray(preprocess("canny", np.asarray(SHOWN)))
    for job, shown, mode in ((canny, edges, 3), (depth, SHOWN, 1)):
        expected = drawn(drawing, "sdxl", 2, control_image=[shown], control_mode=[mode])
        assert difference(picture(client, job), expected) <= TOLERANCE


def test_a_model_of_depth_that_models_toml_names_makes_what_a_controlnet_follows(
    site: Site, client: httpx.Client
):
    folder = site.data / "depth"
    estimate = pipeline(
        "depth-estimation",
        model=DPTForDepthEstimation.from_pretrained(folder),
        image_processor=DPTImageProcessorPil.from_pretrained(folder),
    )
    made_of_it = estimate(SHOWN)["depth"].convert("RGB")
    usual = {**USUAL, "model": CROSSED, "steps": STEPS[CROSSED], "seed": 3}
    # A ControlNet with random weights hardly looks at its picture.
    steering = control(f"{CROSSED}-t2i")
    elsewhere = steering | {"image": data_uri(made_of_it)}
    names = ("depth-model", "normal-model")
    depth, normal = (
        made(client, **usual, controls=[steering | {"preprocessor": name}]) for name in names
    )
    given = picture(client, made(client, **usual, controls=[elsewhere]))
    assert difference(picture(client, depth), given) <= TOLERANCE
    assert difference(picture(client, normal), given) > 10 * TOLERANCE
    unknown = [steering | {"preprocessor": "pose-model"}]
    answer = client.post(f"{API}/jobs", json={**usual, "controls": unknown})
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/controls/0/preprocessor"
    assert error["detail"].endswith("invert, depth-model, normal-model")
