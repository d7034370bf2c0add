"""Faces of finished pictures, restored by a network that was made for them, by HTTP."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.running.paths import API
from tests.running.site import Site
from tests.tiny.faces import CELL, NOSE, save_tiny_restorer, with_faces
from tests.worker.families.comparing.asking import ended, made, pixels
from worker.engine.errors import NotFinite
from worker.engine.faces.restorer import EDGE, SIDE, UPRIGHT, FaceRestorer
from worker.models.loading.add_ons.by_spandrel import imported
from worker.models.loading.add_ons.face_restorer import load_face_restorer
from worker.models.tables import FaceRestorerEntry

ENLARGED: dict[str, Any] = {"kind": "upscale", "scale": 1, "strength": 0, "upscaler": "lanczos"}
"""A picture as it is, with nothing drawn into it."""

WIDE, AT = 576, (9, 10)
"""A picture and where in it a nose is: the network's view of that face lies in it whole, at its own
size."""

VIEW = AT[0] * CELL - NOSE[0], AT[1] * CELL - NOSE[1]


def test_a_face_is_restored_and_all_else_stays(site: Site, client: httpx.Client):
    (restorer,) = client.get(f"{API}/models").json()["models"][0]["face_restorers"]
    assert restorer["name"] == "restoreformer"
    one, none = with_faces(WIDE, WIDE, AT), with_faces(64, 64)
    jobs = [
        made(client, model="sd1", **ENLARGED, image=image, restore_faces=asked)
        for image, asked in ((one, {}), (none, {"model": "restoreformer"}))
    ]
    found, empty = (ended(client, job)["outputs"][0] for job in jobs)
    assert (found["faces"], empty["faces"]) == (1, 0)
    png = client.get(found["url"]).content
    result, before = pixels(png).astype(int), np.asarray(one).astype(int)
    inside = np.zeros((WIDE, WIDE), bool)
    left, top = VIEW
    inside[top : top + SIDE, left : left + SIDE] = True
    assert (result == before)[~inside].all()
    middle = np.s_[top + 2 * EDGE : top + SIDE - 2 * EDGE, left + 2 * EDGE : left + SIDE - 2 * EDGE]
    assert np.abs(result - before)[middle].mean() > 10
    assert np.array_equal(pixels(client.get(empty["url"]).content), np.asarray(none))

    text = Image.open(io.BytesIO(png)).text
    assert "Face restoration: restoreformer" in text["parameters"]
    assert json.loads(text["darkroom"])["faces"] == 1
    again = client.post(f"{API}/recipes", content=png, headers={"Content-Type": "image/png"}).json()
    wanted = {"model": "restoreformer", "strength": 1.0}
    assert again["request"]["restore_faces"] == wanted


def test_a_restorer_that_is_not_there_is_refused_with_those_that_are(client: httpx.Client):
    asked = {"model": "sd1", "prompt": "x", "restore_faces": {"model": "gfpgan"}}
    answer = client.post(f"{API}/jobs", json=asked)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/restore_faces/model"
    assert error["detail"].endswith("is named 'gfpgan'; there are restoreformer")


def turned(network: Any) -> FaceRestorer:
    finder: Any = None
    return FaceRestorer("own", network, finder, torch.device("cpu"), torch.float32)


def marks(degrees: float, scale: float, middle: tuple[float, float]) -> np.ndarray[Any, Any]:
    """Where a face has its marks that lies turned, larger or smaller, somewhere in a picture."""
    turn = np.radians(degrees)
    spin = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return ((UPRIGHT - SIDE / 2) @ spin.T + middle).astype(np.float32)


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1.0), (30, 0.5), (-100, 0.2), (15, 1.5)])
def test_a_face_is_laid_back_where_it_was(degrees: float, scale: float):
    down, across = np.mgrid[:400, :500]
    waves = [np.sin(across / 40 + at) * np.cos(down / 50) * 90 + 128 for at in range(3)]
    picture = np.stack(waves, -1).astype(np.uint8)
    face = marks(degrees, scale, (260, 190))
    same = turned(lambda view: view).restored(picture, face, 1.0).astype(int)
    assert np.abs(same - picture).max() <= 6
    seen: list[torch.Tensor] = []
    black = turned(lambda view: (seen.append(view), torch.zeros_like(view))[1])
    whole, half = (black.restored(picture, face, strength) for strength in (1.0, 0.5))
    assert tuple(seen[0].shape) == (1, 3, SIDE, SIDE)
    assert whole[190, 260].max() == 0
    assert np.abs(half.astype(int) * 2 - picture - whole).max() <= 2
    lit = seen[0][0, :, SIDE // 2, SIDE // 2] * 255 - torch.from_numpy(picture[190, 260])
    assert lit.abs().max() <= 3


def test_a_face_of_no_numbers_fails_its_picture():
    broken = turned(lambda view: view * float("nan"))
    with pytest.raises(NotFinite, match="face restorer own made NaN"):
        broken.restored(np.zeros((64, 64, 3), np.uint8), marks(0, 0.1, (32, 32)), 1.0)


def test_gfpgan_draws_a_face_as_its_own_code_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gfpgan = imported().architectures.GFPGAN
    real = gfpgan.GFPGAN

    def narrow(**given: Any) -> Any:
        """Its own network; a file does not say how wide it is, and the real one takes a minute."""
        return real(**given | {"narrow": 1 / 16, "num_style_feat": 32})

    monkeypatch.setattr(gfpgan, "GFPGAN", narrow)
    network = narrow(
        out_size=SIDE, channel_multiplier=2, input_is_latent=True, different_w=True, sft_half=True
    ).eval()
    random = torch.Generator().manual_seed(0)
    for each in network.state_dict().values():
        each.uniform_(-0.2, 0.2, generator=random)
    file = save_tiny_restorer(tmp_path / "other").with_name("GFPGANv1.4.safetensors")
    save_file(network.state_dict(), file)
    entry = FaceRestorerEntry(name="own", base=tmp_path, section="face_restorers", source=str(file))
    ours = load_face_restorer(entry, torch.device("cpu"))
    face = torch.rand((1, 3, SIDE, SIDE), generator=random)
    with torch.inference_mode():
        restored = ours.network(face)
        wanted = network((face - 0.5) / 0.5, return_rgb=False, randomize_noise=False)[0]
    # Other noise, or colours from 0 to 1, would differ by ten times as much and more.
    assert (restored - (wanted + 1) / 2).abs().max() < 1e-4
    assert restored.std() > 0.1
