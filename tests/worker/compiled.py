"""What the tests of compiled networks ask a server for."""

from __future__ import annotations

import io

import httpx
import numpy as np
from PIL import Image

from tests.running.site import Site


def backend(site: Site) -> str:
    (model,) = httpx.get(f"{site.url}/api/v1/models").json()["models"]
    return model["workers"][0]["backend"]


def metrics(site: Site) -> str:
    return httpx.get(f"{site.url}/api/v1/metrics").text


def forwards(site: Site) -> float:
    """Forwards that ran compiled, as far as the worker has said so."""
    name = 'darkroom_compiled_forwards_total{model="tiny"}'
    lines = [line for line in metrics(site).splitlines() if line.startswith(name)]
    return float(lines[0].split()[-1]) if lines else 0.0


def picture(site: Site, **fields: object) -> np.ndarray:
    asked = {"prompt": "a red apple", "seed": 7, "guidance_scale": 5.0, **fields}
    answer = httpx.post(
        f"{site.url}/api/v1/jobs", json=asked, headers={"Prefer": "wait=60"}, timeout=90
    ).json()
    assert answer["status"] == "succeeded", answer
    file = httpx.get(site.url + answer["outputs"][0]["url"]).content
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(int)
