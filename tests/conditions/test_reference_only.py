"""Reference-only by HTTP: a network that looks at another picture, to a few lines of torch."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from tests.conditions.by_hand import USUAL, pipeline_of, seeded, walked, words
from tests.engine.helpers import difference
from tests.running.paths import API
from tests.running.site import Site
from tests.worker.families.comparing.asking import Fields, ended, made, picture, rows_since, settled
from worker.engine import TOLERANCE

SIDE = 32


def shown_picture() -> bytes:
    wave = np.arange(SIDE * SIDE * 3).reshape(SIDE, SIDE, 3) * 7 % 256
    data = io.BytesIO()
    Image.fromarray(wave.astype(np.uint8)).save(data, "PNG")
    return data.getvalue()


class Remembers:
    """An attention processor that keeps what the reference's pass sees, and has the picture's look
    at it: two passes, as AUTOMATIC1111 and diffusers' community pipeline have it."""

    def __init__(self, state: dict[str, Any]) -> None:
        self._state = state
        self._bank = torch.empty(0)

    def __call__(self, attention: Any, seen: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        if self._state["writes"]:
            self._bank = seen
            return self._attend(attention, seen, seen)
        alone = self._attend(attention, seen, seen)
        both = self._attend(attention, seen, torch.cat([seen, self._bank], dim=1))
        fidelity = torch.tensor([self._state["fidelity"], 0.0]).view(-1, 1, 1)
        return fidelity * alone + (1 - fidelity) * both

    def _attend(self, attention: Any, seen: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            layer(rows).unflatten(-1, (attention.heads, -1)).transpose(1, 2)
            for layer, rows in (
                (attention.to_q, seen),
                (attention.to_k, at),
                (attention.to_v, at),
            )
        )
        shares = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(-1)
        return attention.to_out[0]((shares @ value).transpose(1, 2).flatten(2))


def by_hand(site: Site, weight: float, fidelity: float, until: int) -> Any:
    pipeline = pipeline_of(site.data / "sd1")
    said = torch.cat([words(pipeline, text) for text in ("blue", "a red apple")])
    pixels = torch.from_numpy(np.array(Image.open(io.BytesIO(shown_picture())))).float()
    with torch.inference_mode():
        posterior = pipeline.vae.encode(pixels.permute(2, 0, 1)[None] / 127.5 - 1).latent_dist
    shown = posterior.mode() * pipeline.vae.config.scaling_factor
    noise = torch.randn(shown.shape, generator=seeded(int(USUAL["seed"]) + 1))
    state: dict[str, Any] = {"writes": False, "fidelity": fidelity}
    blocks = [each for name, each in pipeline.unet.named_modules() if name.endswith("attn1")]
    blocks.sort(key=lambda block: -block.query_dim)
    acting = [block for at, block in enumerate(blocks) if weight > at / len(blocks)]
    plain = [block.processor for block in acting]
    step = 0

    def predict(latents: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        nonlocal step
        processors = [Remembers(state) for _ in acting] if step < until else plain
        for block, processor in zip(acting, processors, strict=True):
            block.processor = processor
        if step < until:
            state["writes"] = True
            hidden = pipeline.scheduler.add_noise(shown, noise, timestep.reshape(1))
            pipeline.unet(hidden.expand(2, -1, -1, -1), timestep, said)
            state["writes"] = False
        step += 1
        without, towards = pipeline.unet(latents.expand(2, -1, -1, -1), timestep, said).sample
        return (without + 5.0 * (towards - without))[None]

    return walked(pipeline, predict, steps=6, seed=4, size=(SIDE, SIDE))


def test_a_picture_looks_at_another_as_at_itself_in_one_forward_with_those_that_do_not(
    site: Site, client: httpx.Client
):
    uri = f"data:image/png;base64,{base64.b64encode(shown_picture()).decode()}"
    asked: list[Fields] = [
        {"reference_only": {"image": uri}},
        {"reference_only": {"image": uri, "weight": 0.4, "style_fidelity": 1.0, "end": 0.5}},
        {},
    ]
    before = settled(client, "sd1")
    with site.worker.held():
        jobs = [made(client, **USUAL | fields) for fields in asked]
    ours = [picture(client, job) for job in jobs]
    rows = 6 * 4 + (3 * 4 + 3 * 2) + 6 * 2
    total, forwards = rows_since(client, "sd1", before, rows)
    assert total == rows
    assert forwards < 3 * 6
    for one, (weight, fidelity, until) in zip(ours, ((1, 0.5, 6), (0.4, 1, 3)), strict=False):
        assert difference(one, by_hand(site, weight, fidelity, until)) <= TOLERANCE
        assert difference(one, ours[2]) > TOLERANCE
    kept = client.get(ended(client, jobs[1])["outputs"][0]["url"]).content
    # Commas stand within quotes as escapes.
    said = Image.open(io.BytesIO(kept)).text["parameters"].replace("\\u002c", ",")
    assert "Module: reference_only, Model: None, Weight: 0.4, Threshold A: 1" in said
    answer = client.post(f"{API}/jobs", content=kept, headers={"Content-Type": "image/png"})
    assert np.array_equal(picture(client, answer.json()["urls"]["self"]), ours[1])
    unit = {"module": "reference_only", "image": base64.b64encode(shown_picture()).decode()}
    theirs = {
        **{name: USUAL[name] for name in ("prompt", "negative_prompt", "width", "height", "seed")},
        "steps": 6,
        "cfg_scale": 5.0,
        "sampler_name": "DDIM",
        "override_settings": {"sd_model_checkpoint": "sd1"},
        "alwayson_scripts": {"controlnet": {"args": [unit]}},
    }
    answer = client.post("/sdapi/v1/txt2img", json=theirs)
    assert answer.status_code == 200, answer.text
    same = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer.json()["images"][0]))))
    assert difference(same, ours[0]) <= TOLERANCE


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"reference_only": {"image": "gone"}}, "/reference_only/image", ""),
        ({"prompt": "a AND b"}, "/reference_only", "one prompt"),
        ({"model": "sd3", "sampler": "euler"}, "/reference_only", "U-Net"),
    ],
)
def test_what_reference_only_does_not_work_with_is_refused(
    client: httpx.Client, fields: Fields, pointer: str, said: str
):
    uri = f"data:image/png;base64,{base64.b64encode(shown_picture()).decode()}"
    asked = USUAL | {"reference_only": {"image": uri}} | fields
    answer = client.post(f"{API}/jobs", json=asked)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert said in error["detail"]
