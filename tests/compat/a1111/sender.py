"""Bodies of txt2img and img2img, and the job that each became."""

from __future__ import annotations

import json
from typing import Any

from flask.testing import FlaskClient
from PIL import Image

from jobs.request.request import ResolvedRequest
from tests.compat.a1111.client import Quick, in_base64

TXT2IMG = "/sdapi/v1/txt2img"
IMG2IMG = "/sdapi/v1/img2img"

RED = in_base64(Image.new("RGB", (64, 48), "red"))
WHITE = in_base64(Image.new("L", (64, 48), "white"))
BLACK = in_base64(Image.new("L", (64, 48), "black"))


class Sender:
    """Sends a body and finds out what was queued."""

    def __init__(self, client: FlaskClient, quick: Quick) -> None:
        self.client = client
        self.quick = quick

    def __call__(self, path: str, **body: Any) -> ResolvedRequest:
        if path == TXT2IMG:
            body = {"prompt": "a star", **body}
        self.answer = self.client.post(path, json=body)
        assert self.answer.status_code == 200, self.answer.text
        return self.quick.seen[-1].request

    def refused(self, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        if path == TXT2IMG:
            body = {"prompt": "a star", **body}
        seen = len(self.quick.seen)
        answer = self.client.post(path, json=body)
        said = json.loads(answer.text)
        assert set(said) == {"error", "detail", "body", "errors"}
        assert len(self.quick.seen) == seen
        return answer.status_code, said

    def stored(self, image: str) -> bytes:
        """A picture that a job starts from."""
        return self.quick.worker.store.read(image)
