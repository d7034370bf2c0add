"""Broken pictures through the real API: it takes what really decodes, and refuses the rest."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from jobs.pictures.image_store import ImageStore
from tests.input.corpus import broken, seeds
from tests.running.hand_worker import HandWorker
from tests.running.paths import API

SECONDS = 10.0
"""No picture of a few kilobytes may take longer, however busy the machine is."""

QUICK = 288
THOROUGH = 4000


def send(client: FlaskClient, data: bytes, kind: str = "image-to-image", **fields: str) -> Any:
    file = FileStorage(io.BytesIO(data), filename="picture", content_type="image/png")
    parts = {"kind": kind, "prompt": "pear", "image": file} | fields
    boundary, body = encode_multipart(parts)
    kind = f"multipart/form-data; boundary={boundary}"
    return client.post(f"{API}/jobs", data=body, content_type=kind)


def check(client: FlaskClient, store: ImageStore, name: str, data: bytes) -> bool:
    """Send one; whether it was taken. Fails on anything that no caller should see."""
    started = time.monotonic()
    answer = send(client, data)
    assert time.monotonic() - started < SECONDS, f"{name} took too long"
    assert answer.status_code in (202, 422), f"{name}: {answer.status_code} {answer.text[:300]}"
    assert "Traceback" not in answer.text, name
    if answer.status_code == 422:
        assert answer.content_type == "application/problem+json"
        [error] = answer.json["errors"]
        assert error["pointer"] == "/image", (name, error)
        assert error["detail"].isprintable(), (name, error)
        assert "/" not in error["detail"].replace("PNG/", ""), f"{name} shows a path: {error}"
        return False
    job = answer.json
    kept = Image.open(io.BytesIO(store.read(job["input"]["image"])))
    kept.load()
    assert (kept.mode, kept.info) == ("RGB", {}), name
    client.delete(f"{API}/jobs/{job['id']}")
    return True


def test_whole_pictures_of_every_kind_are_taken(
    client: FlaskClient, worker: HandWorker, store: ImageStore
):
    assert {
        name: check(client, store, name, data) for name, data in seeds().items()
    } == dict.fromkeys(seeds(), True)


@pytest.mark.timeout(300)
def test_broken_pictures_give_only_4xx_where_they_do_not_decode(
    client: FlaskClient, worker: HandWorker, store: ImageStore
):
    taken = sum(check(client, store, name, data) for name, data in broken(QUICK))
    # Both sides must be there: a corpus that is all refused at the first byte tests nothing.
    assert QUICK * 0.05 < taken < QUICK * 0.6, f"{taken} of {QUICK} decode"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_thousands_of_other_broken_pictures_give_only_4xx(
    client: FlaskClient, worker: HandWorker, store: ImageStore
):
    for name, data in broken(THOROUGH, seed=7):
        check(client, store, name, data)


@pytest.mark.parametrize("name", ["png-text", "jpeg-phone", "webp", "heic", "avif"])
def test_a_picture_cut_off_anywhere_is_refused_or_whole(
    client: FlaskClient, worker: HandWorker, store: ImageStore, name: str
):
    data = seeds()[name]
    taken = [check(client, store, f"{name}-{tenth}", data[: len(data) * tenth // 10])
             for tenth in range(1, 10)]  # fmt: skip
    assert not any(taken[:5]), "half a picture was taken for a whole one"


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
@given(
    name=st.sampled_from(sorted(seeds())),
    edits=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)),
        min_size=1,
        max_size=6,
    ),
    tail=st.binary(max_size=64),
)
def test_whatever_is_written_into_a_picture_the_api_answers(
    client: FlaskClient,
    worker: HandWorker,
    store: ImageStore,
    name: str,
    edits: list[tuple[float, bytes]],
    tail: bytes,
):
    data = bytearray(seeds()[name])
    for place, written in edits:
        start = int(place * len(data))
        data[start : start + len(written)] = written
    check(client, store, name, bytes(data) + tail)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(head=st.sampled_from([data[:24] for data in seeds().values()]), rest=st.binary())
def test_bytes_after_a_true_head_are_answered(
    client: FlaskClient, worker: HandWorker, store: ImageStore, head: bytes, rest: bytes
):
    assert not check(client, store, "head", head + rest)


def test_a_broken_picture_as_a_recipe_is_refused(client: FlaskClient, worker: HandWorker):
    for name, data in broken(96, seed=3):
        answer = client.post(f"{API}/jobs", data=data, content_type="image/png")
        assert answer.status_code in (202, 422), f"{name}: {answer.text[:300]}"
