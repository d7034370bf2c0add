"""How the tests ask for edits, and what they get."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import numpy as np
from PIL import Image

from jobs.records.events import ENDED
from tests.running.paths import API
from tests.running.waiting import until

Fields = dict[str, Any]

PROMPT = "turn it red"


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def sent(
    client: httpx.Client, *pictures: Image.Image, mask: Image.Image | None = None, **asked: Any
) -> httpx.Response:
    """The answer to a job that starts from these pictures."""
    names = ["image", *(f"reference_{index}" for index in range(len(pictures) - 1))]
    files = {name: png(each) for name, each in zip(names, pictures, strict=False)}
    if mask is not None:
        files["mask"] = png(mask)
    fields = {"kind": "edit", "prompt": PROMPT, **asked}
    if not files:
        return client.post(f"{API}/jobs", json=fields)
    return client.post(f"{API}/jobs", data={"request": json.dumps(fields)}, files=files)


def made(client: httpx.Client, *pictures: Image.Image, **asked: Any) -> str:
    """Sends a job, and returns where it is."""
    return sent(client, *pictures, **asked).raise_for_status().json()["urls"]["self"]


def kept(client: httpx.Client, job: str) -> bytes:
    """Waits for a job's picture, and returns its PNG."""
    until(lambda: client.get(job).json()["status"] in ENDED, 120)
    done = client.get(job).json()
    assert done["status"] == "succeeded", done["error"]
    return client.get(done["outputs"][0]["url"]).content


def picture(client: httpx.Client, job: str) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(kept(client, job))).convert("RGB"))
