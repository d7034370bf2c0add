"""Every picture says that a machine made it, in the words of the IPTC."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from typing import Any, get_args

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from jobs.recipes.infotext import Maker
from jobs.recipes.recipes import recipe_of
from jobs.records.events import Safety
from jobs.records.record import read
from jobs.request.model_card import Kind
from server.pages.renditions import render
from tests.running.hand_worker import CARD, HandWorker
from tests.running.paths import API
from worker.canvas.png import encode

DESCRIPTION = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
FROM_WORDS = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def source_type(data: bytes) -> str | None:
    xmp = Image.open(io.BytesIO(data)).info["xmp"]
    return ET.fromstring(xmp.decode().lstrip("\ufeff")).find(f".//{DESCRIPTION}").get(SOURCE_TYPE)


@pytest.fixture
def made(client: FlaskClient, worker: HandWorker) -> Any:
    """A request as it was resolved, with any prompt."""
    job = client.post(f"{API}/jobs", json={"prompt": "pear & <plum>", "seed": 7}).json
    return read(worker.redis, job["id"]).request


def encoded(request: Any, safety: Safety | None = None) -> bytes:
    picture = np.zeros((48, 64, 3), np.uint8)
    return encode(picture, request, 0, Maker("1.2 \"<&>'", "ab" * 32), safety)


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("width", [None, 16])
def test_every_rendition_says_what_kind_of_machine_work_it_is(
    made: Any, kind: Kind, format: Any, width: int | None
):
    png = encoded(made.model_copy(update={"kind": kind}))
    wanted = FROM_WORDS if kind == "text-to-image" else COMPOSITE
    assert source_type(render(png, format, width)) == wanted


def test_pillow_reads_it(made: Any):
    found = Image.open(io.BytesIO(encoded(made))).getxmp()["xmpmeta"]["RDF"]["Description"]
    assert found["DigitalSourceType"] == FROM_WORDS
    assert found["CreatorTool"] == "Darkroom 1.2 \"<&>'"


def test_the_mark_does_not_disturb_the_recipe(made: Any):
    found = recipe_of(encoded(made), [CARD])
    assert (found["prompt"], found["seed"]) == ("pear & <plum>", 7)


def test_the_record_has_what_the_classifier_found(made: Any):
    data = encoded(made, Safety(label="nsfw", score=0.9, action="mark"))
    assert '"safety": {"label": "nsfw"' in Image.open(io.BytesIO(data)).text["darkroom"]
    assert "safety" not in Image.open(io.BytesIO(encoded(made))).text["darkroom"]


def test_a_picture_that_a_person_sent_does_not_say_that_a_machine_made_it(
    client: FlaskClient, worker: HandWorker
):
    from tests.input.corpus import seeds
    from tests.input.test_corpus import send

    job = send(client, seeds()["png"]).json
    data = client.get(job["pictures"][0]["url"] + "&format=jpeg").data
    assert "xmp" not in Image.open(io.BytesIO(data)).info
