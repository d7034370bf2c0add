"""The whole way round, on a real worker with the model that ships: the same picture again."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.running.hand_worker import png
from tests.running.paths import API


@pytest.mark.timeout(300)
def test_what_a_job_says_and_what_a_picture_carries_make_the_same_pixels(live_url: str):
    with httpx.Client(base_url=live_url, timeout=70, headers={"Prefer": "wait=60"}) as client:

        def done(**body: Any) -> Any:
            answer = client.post(f"{API}/jobs", **body)
            assert answer.status_code == 200, answer.text
            assert answer.json()["status"] == "succeeded", answer.text
            return answer.json()

        def pixels(job: Any, index: int = 0) -> np.ndarray[Any, Any]:
            return np.asarray(Image.open(io.BytesIO(bytes_of(job, index))).convert("RGB"))

        def bytes_of(job: Any, index: int) -> bytes:
            return client.get(job["outputs"][index]["url"]).content

        quick = {"prompt": "red apple, 3d", "steps": 3, "sampler": "ddim", "exact": True}
        first = done(json=quick | {"count": 3})
        again = done(json=first["input"])
        for index in range(3):
            assert np.array_equal(pixels(again, index), pixels(first, index))
        # Picture 3 of 3 alone: from its recorded seed, and from itself.
        alone = first["input"] | {"count": 1, "seed": first["outputs"][2]["seed"]}
        assert np.array_equal(pixels(done(json=alone)), pixels(first, 2))
        picture = {"content": bytes_of(first, 2), "headers": {"Content-Type": "image/png"}}
        assert np.array_equal(pixels(done(**picture)), pixels(first, 2))
        assert not np.array_equal(pixels(first, 0), pixels(first, 2))

        image = "data:image/png;base64," + base64.b64encode(png(color="blue")).decode()
        changed = done(json=quick | {"kind": "image-to-image", "image": image, "strength": 0.7})
        assert np.array_equal(pixels(done(json=changed["input"])), pixels(changed))
        assert not np.array_equal(pixels(changed), pixels(first))
