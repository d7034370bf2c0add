"""ControlNets of transformers: by HTTP to PNGs that are diffusers' own pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.models.controlnets.controlnet_flux import FluxControlNetModel
from diffusers.models.controlnets.controlnet_qwenimage import QwenImageControlNetModel
from diffusers.models.controlnets.controlnet_sd3 import SD3ControlNetModel
from diffusers.pipelines.controlnet_sd3.pipeline_stable_diffusion_3_controlnet import (
    StableDiffusion3ControlNetPipeline,
)
from diffusers.pipelines.flux.pipeline_flux_controlnet import FluxControlNetPipeline
from diffusers.pipelines.qwenimage.pipeline_qwenimage_controlnet import (
    QwenImageControlNetPipeline,
)

from tests.engine.helpers import difference
from tests.features.development import photograph
from tests.running.paths import API
from tests.running.site import Site
from tests.tiny.pipelines.controlnets import SINGLE
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
from tests.worker.families.comparing.stock import FAMILIES, FLUX
from worker.engine import TOLERANCE

STOCK: Mapping[str, tuple[Any, Any]] = {
    "sd3": (StableDiffusion3ControlNetPipeline, SD3ControlNetModel),
    "flux": (FluxControlNetPipeline, FluxControlNetModel),
    "qwen-image": (QwenImageControlNetPipeline, QwenImageControlNetModel),
}

ASKED: tuple[Fields, ...] = (
    {"steps": 8, "seed": 1, "weight": 1.0},
    {"steps": 5, "seed": 2, "weight": 0.6, "prompt": "a cat face", "end": 0.5},
    {"steps": 7, "seed": 3, "weight": 1.5, "start": 0.3, "negative_prompt": "blue"},
)


def control(name: str, fields: Fields) -> Fields:
    asked = {key: fields[key] for key in ("weight", "start", "end") if key in fields}
    shown = photograph(32, seed=fields["seed"] + 10)
    return {"model": f"{name}-control", "image": data_uri(shown), **asked}


def stock(site: Site, name: str, fields: Fields, net: str = "", model: str = "") -> Pixels:
    """Diffusers' own picture."""
    kind, net_kind = STOCK[name]
    folder = f"{net or name}-control"
    home = site.data / "models" / "controlnets"
    if net == "union" or net in SINGLE:
        home = site.data / "stock" if net in SINGLE else site.data
    pipeline = kind.from_pretrained(
        site.data / (model or name), controlnet=net_kind.from_pretrained(home / folder)
    )
    pipeline.set_progress_bar_config(disable=True)
    family = FAMILIES[name]
    scale = "guidance_scale" if family.scale == FLUX else family.scale
    asked: Fields = {
        "prompt": fields.get("prompt", USUAL["prompt"]),
        "negative_prompt": fields.get("negative_prompt") or (" " if name != "sd3" else ""),
        "width": 32,
        "height": 32,
        "control_image": photograph(32, seed=fields["seed"] + 10),
        "controlnet_conditioning_scale": fields["weight"],
        "control_guidance_start": fields.get("start", 0.0),
        "control_guidance_end": fields.get("end", 1.0),
        "num_inference_steps": fields["steps"],
        scale: family.default,
        "generator": torch.Generator().manual_seed(fields["seed"]),
    }
    if net == "union":
        asked["control_mode"] = 1
    if family.scale == FLUX:
        asked["true_cfg_scale"] = fields.get("true_cfg_scale", 1.0)
    return np.asarray(pipeline(**asked).images[0])


@pytest.fixture(autouse=True)
def likeliest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stable Diffusion 3's pipeline draws what its ControlNet is shown by no seed at all: here that
    is the likeliest."""
    draw = DiagonalGaussianDistribution.sample

    def sample(
        self: DiagonalGaussianDistribution, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        return self.mode() if generator is None else draw(self, generator)

    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", sample)


# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own solvers.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name == "flux" else pytest.mark.slow) for name in STOCK],
)
def test_steered_pictures_share_forwards_with_a_plain_one_and_are_diffusers_own(
    site: Site, client: httpx.Client, name: str
):
    jobs: list[tuple[Fields, str]] = []
    start = settled(client, name)
    with site.worker.held():
        for fields in ASKED:
            asked = {**USUAL, **{key: fields[key] for key in fields if key not in CONTROLS}}
            if name == "flux" and "negative_prompt" in fields:
                fields = {**fields, "true_cfg_scale": 2.5}
                asked["true_cfg_scale"] = 2.5
            job = made(client, model=name, controls=[control(name, fields)], **asked)
            jobs.append((fields, job))
        plain = made(client, model=name, **USUAL, steps=8, seed=1)
    pictures = [picture(client, job) for _, job in jobs]
    for (fields, _), ours in zip(jobs, pictures, strict=True):
        assert difference(ours, stock(site, name, fields)) <= TOLERANCE, fields
    assert difference(pictures[0], picture(client, plain)) > 10 * TOLERANCE
    expected = sum(FAMILIES[name].rows(fields) for fields, _ in jobs)
    expected += FAMILIES[name].rows({"steps": 8})
    total, forwards = rows_since(client, name, start, expected)
    assert total == expected
    # The plain one has as many steps as the longest of the others.
    assert forwards < 8 + 8


CONTROLS = ("weight", "start", "end")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("net", ["union", pytest.param("pixels", marks=pytest.mark.slow)])
def test_others_for_flux_do_as_in_diffusers_too(site: Site, client: httpx.Client, net: str):
    fields: Fields = {"steps": 5, "seed": 4, "weight": 0.8}
    asked = {**USUAL, "steps": 5, "seed": 4, "controls": [control(net, fields)]}
    model = "flux-deep" if net == "pixels" else "flux"
    ours = picture(client, made(client, model=model, **asked))
    expected = stock(site, "flux", fields, net, model)
    assert difference(ours, expected) <= TOLERANCE


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "net",
    [pytest.param(name, marks=[] if name == "xlabs" else pytest.mark.slow) for name in SINGLE],
)
def test_one_file_steers_by_whichever_names_it_is_shared(
    site: Site, client: httpx.Client, net: str
):
    fields: Fields = {"steps": 5, "seed": 4, "weight": 0.8}
    asked = {**USUAL, "steps": 5, "seed": 4, "controls": [control(net, fields)]}
    family = SINGLE[net].family
    model = "flux-deep" if net == "xlabs" else family
    ours = picture(client, made(client, model=model, **asked))
    assert difference(ours, stock(site, family, fields, net, model)) <= TOLERANCE
    plain = picture(client, made(client, model=model, **USUAL, steps=5, seed=4))
    assert difference(ours, plain) > 3 * TOLERANCE


def test_a_controlnet_is_listed_with_its_family_and_refused_by_others(client: httpx.Client):
    cards = client.get(f"{API}/models").raise_for_status().json()["models"]
    for card in cards:
        names = {(each["name"], each["family"]) for each in card["controlnets"]}
        nets = ("flux", "pixels", "union") if card["family"] == "flux" else (card["family"],)
        singles = [name for name, each in SINGLE.items() if each.family == card["family"]]
        expected = {(f"{net}-control", card["family"]) for net in (*nets, *singles)}
        if card["family"] in STOCK:
            assert names == expected
        else:
            assert not {family for _, family in names} & STOCK.keys()
    asked = {**USUAL, "model": "sdxl", "controls": [control("flux", ASKED[0])]}
    answer = client.post(f"{API}/jobs", json=asked)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/controls/0/model"
    assert "'flux-control' is for flux (" in error["detail"]
    assert "the model sdxl is sdxl" in error["detail"]
