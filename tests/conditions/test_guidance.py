"""FreeU and perturbed attention, by HTTP to stock diffusers."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from diffusers.pipelines.auto_pipeline import AutoPipelineForText2Image
from PIL import Image

from tests.conditions.by_hand import USUAL, decoded, pipeline_of, seeded, walked, words
from tests.engine.helpers import difference
from tests.engine.sampling.stock_schedulers import quiet, stock_scheduler
from tests.running.paths import API
from tests.running.site import Site
from tests.worker.families.comparing.asking import Fields, ended, made, picture, rows_since, settled
from worker.engine import TOLERANCE

FREEU = {"b1": 1.4, "b2": 1.6, "s1": 0.9, "s2": 0.2}


def stock(pipeline: Any, **options: Any) -> np.ndarray[Any, Any]:
    asked = {
        "prompt": "a red apple",
        "negative_prompt": "blue",
        "width": 32,
        "height": 32,
        "num_inference_steps": 6,
        "guidance_scale": 5.0,
        "generator": seeded(4),
    }
    return np.asarray(pipeline(**asked | options).images[0])


def test_freeu_and_perturbed_attention_are_diffusers_own_and_share_forwards(
    site: Site, client: httpx.Client
):
    asked: dict[str, Fields] = {
        "plain": {},
        "freeu": {"freeu": FREEU},
        "pag": {"pag_scale": 4.0, "guidance_rescale": 0.5},
        "unguided": {"pag_scale": 4.0, "guidance_scale": 1.0, "freeu": FREEU},
    }
    before = settled(client, "sd1")
    with site.worker.held():
        jobs = {name: made(client, **USUAL | fields) for name, fields in asked.items()}
    ours = {name: picture(client, job) for name, job in jobs.items()}
    total, forwards = rows_since(client, "sd1", before, 6 * (2 + 2 + 3 + 2))
    assert total == 6 * (2 + 2 + 3 + 2)
    assert forwards < 4 * 6
    pipeline = pipeline_of(site.data / "sd1")
    theirs = {"plain": stock(pipeline)}
    pipeline.enable_freeu(**FREEU)
    theirs["freeu"] = stock(pipeline)
    perturbed = AutoPipelineForText2Image.from_pipe(pipeline, enable_pag=True)
    perturbed.set_progress_bar_config(disable=True)
    theirs["unguided"] = stock(perturbed, pag_scale=4.0, guidance_scale=1.0)
    perturbed.disable_freeu()
    theirs["pag"] = stock(perturbed, pag_scale=4.0, guidance_rescale=0.5)
    for name, one in ours.items():
        assert difference(one, theirs[name]) <= TOLERANCE, name
        assert name == "plain" or difference(one, ours["plain"]) > TOLERANCE, name
    kept = client.get(ended(client, jobs["unguided"])["outputs"][0]["url"]).content
    text = Image.open(io.BytesIO(kept)).text["parameters"]
    assert "PAG scale: 4.0" in text
    assert "FreeU" in text
    answer = client.post(f"{API}/jobs", content=kept, headers={"Content-Type": "image/png"})
    assert np.array_equal(picture(client, answer.json()["urls"]["self"]), ours["unguided"])


@pytest.mark.parametrize("sampler", ["ddim", "euler"])
def test_cfg_plus_plus_guides_the_picture_and_leaves_the_noise(
    site: Site, client: httpx.Client, sampler: str
):
    # Tiny models listen to their prompts faintly.
    asked = USUAL | {"guidance_scale": 9.0, "sampler": sampler}
    job, mate = made(client, **asked, cfg_plus_plus=True), made(client, **asked)
    pipeline = pipeline_of(site.data / "sd1")
    said = torch.cat([words(pipeline, text) for text in ("blue", "a red apple")])
    scheduler = stock_scheduler(sampler, "automatic", dict(pipeline.scheduler.config))
    with quiet():
        scheduler.set_timesteps(6)
    latents = torch.randn((1, 4, 16, 16), generator=seeded(4)) * scheduler.init_noise_sigma
    # In variance-exploding numbers, in which both samplers go the same straight lines.
    scale = latents.new_ones(())
    if sampler == "ddim":
        sigmas = [_sigma(pipeline, each) for each in scheduler.timesteps]
        sigmas.append(_sigma(pipeline, torch.tensor(0)))
        scale = (1 + sigmas[0] ** 2).sqrt()
    else:
        sigmas = list(scheduler.sigmas)
    latents = latents * scale
    with torch.inference_mode():
        for index, timestep in enumerate(scheduler.timesteps):
            sigma, after = sigmas[index], sigmas[index + 1]
            shown = latents / (1 + sigma**2).sqrt()
            without, towards = pipeline.unet(shown.expand(2, -1, -1, -1), timestep, said).sample
            picture_seen = latents - sigma * (without + 9.0 * (towards - without))
            latents = picture_seen + after * without
        if sampler == "ddim":
            latents = latents / (1 + sigmas[-1] ** 2).sqrt()
        by_hand = decoded(pipeline, latents)
    ours = picture(client, job)
    assert difference(ours, by_hand) <= TOLERANCE
    assert difference(ours, picture(client, mate)) > TOLERANCE
    kept = client.get(ended(client, job)["outputs"][0]["url"]).content
    assert "CFG++: True" in Image.open(io.BytesIO(kept)).text["parameters"]


@pytest.mark.slow
def test_a_prediction_has_the_range_of_a_lower_scale(site: Site, client: httpx.Client):
    asked = USUAL | {"guidance_scale": 30.0}
    how = {"mimic_scale": 3.0, "percentile": 0.95}
    before = settled(client, "sd1")
    with site.worker.held():
        job, mate = made(client, **asked, dynamic_thresholding=how), made(client, **asked)
    ours, plain = picture(client, job), picture(client, mate)
    total, forwards = rows_since(client, "sd1", before, 4 * 6)
    assert (total, forwards < 2 * 6) == (4 * 6, True)
    pipeline = pipeline_of(site.data / "sd1")
    said = torch.cat([words(pipeline, text) for text in ("blue", "a red apple")])

    def predict(latents: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        without, towards = pipeline.unet(latents.expand(2, -1, -1, -1), timestep, said).sample
        mimic, guided = (without + scale * (towards - without) for scale in (3.0, 30.0))
        found: list[torch.Tensor] = []
        for low, high in zip(mimic, guided, strict=True):
            wanted = (low - low.mean()).abs().max()
            own = torch.quantile((high - high.mean()).abs().flatten(), 0.95)
            most = max(wanted, own)
            found.append((high - high.mean()).clamp(-most, most) / most * wanted + high.mean())
        return torch.stack(found)[None]

    by_hand = walked(pipeline, predict, steps=6, seed=4, size=(32, 32))
    assert difference(ours, by_hand) <= TOLERANCE
    assert difference(ours, plain) > TOLERANCE
    kept = client.get(ended(client, job)["outputs"][0]["url"]).content
    text = Image.open(io.BytesIO(kept)).text["parameters"]
    assert "Dynamic thresholding enabled: True, Mimic scale: 3, Threshold percentile: 95" in text
    answer = client.post(f"{API}/jobs", content=kept, headers={"Content-Type": "image/png"})
    assert np.array_equal(picture(client, answer.json()["urls"]["self"]), ours)


def _sigma(pipeline: Any, timestep: torch.Tensor) -> torch.Tensor:
    signal = pipeline.scheduler.alphas_cumprod[int(timestep)]
    return ((1 - signal) / signal).sqrt()


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"model": "sd3", "sampler": "euler", "freeu": FREEU}, "/freeu", "U-Net"),
        ({"model": "sd3", "sampler": "euler", "pag_scale": 3.0}, "/pag_scale", "U-Net"),
        ({"prompt": "a AND b", "pag_scale": 3.0}, "/pag_scale", "one prompt"),
        (
            {"regions": [{"prompt": "a", "box": {"width": 0.5}}], "pag_scale": 3.0},
            "/pag_scale",
            "one prompt",
        ),
        ({"cfg_plus_plus": True, "sampler": "dpmpp_2m"}, "/cfg_plus_plus", "ddim or euler"),
        (
            {
                "kind": "walk",
                "walk": {"over": "samplers", "samplers": ["euler", "dpmpp_2m"]},
                "cfg_plus_plus": True,
            },
            "/cfg_plus_plus",
            "it is dpmpp_2m",
        ),
        (
            {"hires": {"scale": 1.5, "prompt": "a AND b"}, "guidance_scale": 1.0},
            "/hires/prompt",
            "guidance",
        ),
        ({"hires": {"prompt": " AND ".join("x" * 17)}}, "/hires/prompt", "at most 16"),
        ({"hires": {"prompt": "a AND b"}, "pag_scale": 3.0}, "/pag_scale", "one prompt"),
        (
            {
                "hires": {"prompt": "a AND b"},
                "regions": [{"prompt": "a", "box": {"width": 0.5}}],
            },
            "/hires/prompt",
            "no place",
        ),
        (
            {"hires": {"negative_prompt": "[a:b:1.5]"}, "blend_prompt": "pear", "blend": 0.5},
            "/blend_prompt",
            "change",
        ),
        ({"freeu": {"b1": 0.0}}, "/freeu/b1", "more than"),
        ({"dynamic_thresholding": {}, "guidance_scale": 1.0}, "/dynamic_thresholding", "guidance"),
    ],
)
def test_what_they_do_not_work_with_is_refused(
    client: httpx.Client, fields: Fields, pointer: str, said: str
):
    answer = client.post(f"{API}/jobs", json=USUAL | fields)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert said in error["detail"]


def test_prompts_are_joined_where_cfg_plus_plus_guides(client: httpx.Client):
    asked = USUAL | {"guidance_scale": 0.6, "cfg_plus_plus": True}
    joined = picture(client, made(client, **asked | {"prompt": "a red apple AND a rocket :2"}))
    assert difference(joined, picture(client, made(client, **asked))) > TOLERANCE
