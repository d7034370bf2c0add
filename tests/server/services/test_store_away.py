"""An image store whose library raises errors of its own: 503 and come back, never a traceback."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from fsspec.implementations.memory import MemoryFileSystem

from server.resources import of
from tests.running.hand_worker import HandWorker, png
from tests.running.paths import API


class EndpointConnectionError(Exception):
    """As botocore's: neither an OSError nor of Python's own."""


class AwayFileSystem(MemoryFileSystem):
    """An object store that nobody reaches."""

    protocol = "away"
    cachable = False

    def _away(self, *_: Any, **__: Any) -> Any:
        raise EndpointConnectionError("Could not connect to the endpoint")

    exists = open = cat_file = pipe_file = size = info = rm_file = _away  # pyright: ignore[reportAssignmentType]


@pytest.fixture
def away(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of(app).store, "_fs", AwayFileSystem())


def unavailable(answer: Any) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json["type"] == "urn:darkroom:store-unavailable"
    assert int(answer.headers["Retry-After"]) > 0


def test_a_picture_a_delete_and_an_upload_are_asked_to_come_back(
    client: FlaskClient, worker: HandWorker, request: pytest.FixtureRequest
):
    job = client.post(f"{API}/jobs", json={"prompt": "a cat"}).json
    [output] = worker.run(job["id"])
    request.getfixturevalue("away")
    unavailable(client.get(f"{API}/images/{output}"))
    unavailable(client.get(f"{API}/images/{output}?format=webp&width=16"))
    unavailable(client.delete(f"{API}/jobs/{job['id']}"))
    image = "data:image/png;base64," + base64.b64encode(png()).decode()
    body = {"prompt": "a cat", "kind": "image-to-image", "image": image}
    unavailable(client.post(f"{API}/jobs", json=body))
    body["image"] = output
    unavailable(client.post(f"{API}/jobs", json=body))
    assert client.get(f"{API}/jobs/{job['id']}").status_code == 200
