"""A worker by hand that answers what the API asks of the models of its machine."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis

from jobs.additions import errands, studies
from tests.running.hand_worker import HandWorker

PLACE = "there"

PICTURE = "data:image/png;base64,"

FOUND: dict[str, Any] = {
    "source": "someone/something",
    "name": "something",
    "title": "Something",
    "kind": "model",
    "family": "sd1",
    "licence": "",
    "description": "",
    "triggers": [],
    "bytes": 5,
    "free_bytes": 10**12,
    "files": [{"name": "something.safetensors", "bytes": 5, "sha256": None}],
    "preview_url": None,
    "usable": True,
    "reason": None,
}

ANSWERS: dict[str, dict[str, Any]] = {
    "look-up": {"plan": {"said": {}, "files": FOUND["files"]}, "found": FOUND, "taken": False},
    "search": {"results": [], "next": None},
    "picture": {"webp": base64.b64encode(b"RIFF").decode()},
    "change": {},
    "delete": {"freed_bytes": 5, "files": ["something.safetensors"]},
    "wake": {},
    "forget": {},
    "story": {"continued": False, "prompts": [], "curve": [], "grids": []},
    "schedule": {
        "training": {"timesteps": [0], "betas": [0.1], "alpha_bar": [0.9], "sigmas": [0.3]}
        | {"snr": [9.0]},
        "walk": {"timesteps": [0.0], "alpha_bar": [0.9], "sigmas": [0.3], "snr": [9.0]},
    },
    "tokenize": {"words": [], "encoders": [], "read_as": None},
    "forward": {
        "picture": PICTURE,
        "shape": [8, 8, 3],
        "steps": [],
        "curve": {"timesteps": [0], "signal": [1.0], "variance": [0.0]},
    },
    "autoencode": {
        **dict.fromkeys(("picture", "colours", "reconstruction", "difference"), PICTURE),
        "pixels": [8, 8, 3],
        "latents": [1, 1, 4],
        "fewer_places": 64.0,
        "fewer_numbers": 48.0,
        "channels": [PICTURE] * 4,
        "edited": None,
        "psnr": 30.0,
    },
}


@contextmanager
def answered(redis: Redis, worker: HandWorker) -> Iterator[None]:
    """The worker has a folder of models, and does what is asked of it and of its models."""
    places = [PLACE, *(studies.place_of(model.name) for model in worker.info.models)]
    worker.info.place, worker.info.free_bytes = PLACE, 10**12
    worker.advertise()
    over = threading.Event()

    def answer() -> None:
        while not over.is_set():
            if errand := errands.take(redis, *places):
                errands.answer(redis, errand, ANSWERS[errand.action])

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        worker.info.place, worker.info.free_bytes = "", None
