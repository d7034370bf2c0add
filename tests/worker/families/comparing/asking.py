"""Jobs by HTTP: sent at once, waited for, and the rows that their forwards took."""

from __future__ import annotations

import io
import time
from base64 import b64encode
from typing import Any

import httpx
import numpy as np
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from jobs.queue.leases import BEAT
from jobs.records.events import ENDED
from tests.running.paths import API
from tests.running.waiting import until

Fields = dict[str, Any]
Pixels = np.ndarray[Any, Any]

USUAL: Fields = {"prompt": "a red apple", "width": 32, "height": 32}


def made(client: httpx.Client, **asked: Any) -> str:
    """Sends a job, its pictures as data URIs, and returns where it is."""
    sent = {
        name: data_uri(value) if isinstance(value, Image.Image) else value
        for name, value in asked.items()
    }
    return client.post(f"{API}/jobs", json=sent).raise_for_status().json()["urls"]["self"]


def ended(client: httpx.Client, job: str) -> Fields:
    """Waits for a job that succeeds, and returns what is said of it."""
    until(lambda: client.get(job).json()["status"] in ENDED, 120)
    done = client.get(job).json()
    assert done["status"] == "succeeded", done["error"]
    return done


def picture(client: httpx.Client, job: str) -> Pixels:
    """Waits for a job's picture."""
    return pixels(client.get(ended(client, job)["outputs"][0]["url"]).content)


def pixels(png: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def data_uri(picture: Image.Image) -> str:
    written = io.BytesIO()
    picture.save(written, "PNG")
    return f"data:image/png;base64,{b64encode(written.getvalue()).decode()}"


def rows(client: httpx.Client, model: str) -> tuple[float, float]:
    """Rows of all forwards of a model so far, and how many forwards there were: the metric."""
    said = {
        sample.name: sample.value
        for family in text_string_to_metric_families(client.get(f"{API}/metrics").text)
        for sample in family.samples
        if sample.labels.get("model") == model
    }
    ends = ("sum", "count")
    total, forwards = (said.get(f"darkroom_forward_rows_{end}", 0) for end in ends)
    return total, forwards


def settled(client: httpx.Client, model: str) -> tuple[float, float]:
    """What `rows` says once all that ran before is in it: a worker adds up once a beat."""
    said, since = rows(client, model), time.monotonic()
    while time.monotonic() - since < 1.5 * BEAT:
        time.sleep(0.1)
        now = rows(client, model)
        if now != said:
            said, since = now, time.monotonic()
    return said


def rows_since(
    client: httpx.Client, model: str, before: tuple[float, float], expected: float
) -> tuple[float, float]:
    """What `rows` says more than `before`, once there are as many rows as are expected."""
    until(lambda: rows(client, model)[0] - before[0] >= expected)
    total, forwards = (now - then for now, then in zip(rows(client, model), before, strict=True))
    return total, forwards
