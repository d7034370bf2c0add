"""What of a picture words or points mean, found by segmenters of transformers, by HTTP."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from darkroom_client import Darkroom
from PIL import Image
from playwright.sync_api import expect
from transformers import CLIPSegForImageSegmentation, SamModel, SamProcessor
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from tests.features.development import photograph
from tests.running.paths import API
from tests.running.site import Site
from tests.running.waiting import until
from tests.tiny.text import tokenizer
from tests.web.browser import PHONE, chromium, violations
from tests.web.make.editing import TOO_SMALL, Fingers, open_painting, share
from tests.web.make.editing import said as said_by
from tests.worker.families.comparing.asking import data_uri
from worker.models.files.errors import SourceError
from worker.models.loading.masks.segmenters import load_segmenter
from worker.models.tables import SegmenterEntry

SHOWN = photograph(48, seed=21).crop((0, 0, 48, 40))

NEARLY = 2
"""Greys by which a mask may differ: it is rounded once here and once there."""

Greys = np.ndarray[Any, Any]


def found(client: httpx.Client, **asked: Any) -> tuple[dict[str, Any], Greys]:
    """What `/masks` says of the picture, and the mask."""
    answer = client.post(f"{API}/masks", json={"image": data_uri(SHOWN), **asked})
    assert answer.status_code == 200, answer.text
    return said(answer)


def said(answer: httpx.Response) -> tuple[dict[str, Any], Greys]:
    view = answer.json()
    assert view["mask"].startswith("data:image/png;base64,")
    mask = Image.open(io.BytesIO(base64.b64decode(view["mask"].partition(",")[2])))
    assert (mask.mode, mask.size) == ("L", SHOWN.size)
    assert (view["width"], view["height"]) == SHOWN.size
    return view, np.asarray(mask).astype(int)


def by_words(folder: Path, *phrases: str) -> Greys:
    """How surely CLIPSeg sees one of them at each place, as transformers has it."""
    model = CLIPSegForImageSegmentation.from_pretrained(folder)
    asked: Any = tokenizer()(list(phrases), padding=True, return_tensors="pt")
    pixels = ViTImageProcessorPil.from_pretrained(folder)([SHOWN] * len(phrases))["pixel_values"]
    with torch.inference_mode():
        logits = model(**asked, pixel_values=torch.tensor(np.array(pixels))).logits
        larger = torch.nn.functional.interpolate(
            logits.reshape(1, len(phrases), 32, 32), size=SHOWN.size[::-1], mode="bilinear"
        )
    return (torch.sigmoid(larger)[0].amax(0) * 255).numpy()


def by_points(folder: Path, points: list[list[float]], labels: list[int]) -> Greys:
    """How surely SAM sees what stands there, as transformers has it."""
    model = SamModel.from_pretrained(folder)
    processor = SamProcessor(SamImageProcessorPil.from_pretrained(folder))
    asked: Any = processor(
        SHOWN, input_points=[[points]], input_labels=[[labels]], return_tensors="pt"
    )
    sizes = asked.pop("original_sizes"), asked.pop("reshaped_input_sizes")
    with torch.inference_mode():
        seen = model(**asked, multimask_output=len(points) == 1)
    (masks,) = processor.post_process_masks(seen.pred_masks, *sizes, binarize=False)
    return (torch.sigmoid(masks[0, seen.iou_scores[0, 0].argmax()]) * 255).numpy()


def test_words_say_what_is_meant(site: Site, client: httpx.Client):
    card = client.get(f"{API}/models").json()["models"][0]
    told = {each["name"]: each["task"] for each in card["segmenters"]}
    assert told == {"named": "words", "tapped": "points"}

    view, soft = found(client, words="cat", soft=True)
    known = by_words(site.data / "named", "cat")
    assert np.abs(soft - known).max() <= NEARLY
    white = (known >= 0.4 * 255).mean()
    assert view["segmenter"] == "named"
    assert view["share"] == pytest.approx(white, abs=0.02)
    assert 0.1 < white < 0.9

    surer, mask = found(client, words="cat", threshold=0.6)
    assert set(np.unique(mask)) == {0, 255}
    assert ((mask == 255) == (soft >= 0.6 * 255)).mean() > 0.99
    assert surer["share"] == pytest.approx((mask == 255).mean(), abs=1e-4)
    _, both = found(client, words="cat, dog", soft=True)
    assert np.abs(both - by_words(site.data / "named", "cat", "dog")).max() <= NEARLY
    assert np.abs(both - soft).max() > NEARLY
    assert found(client, words="cat", threshold=1.0)[0]["share"] == 0


def test_points_say_what_is_meant_and_what_is_not(site: Site, client: httpx.Client):
    folder = site.data / "models" / "segmenters" / "tapped"
    _, one = found(client, points=[{"x": 0.25, "y": 0.5}], soft=True)
    assert np.abs(one - by_points(folder, [[12, 20]], [1])).max() <= NEARLY
    _, other = found(client, points=[{"x": 0.75, "y": 0.25}], soft=True)
    assert np.abs(one - other).max() > NEARLY

    # As a form: the picture as a file.
    file = io.BytesIO()
    SHOWN.save(file, "PNG")
    points = '[{"x": 0.25, "y": 0.5}, {"x": 0.75, "y": 0.25, "positive": false}]'
    form = {"points": points, "segmenter": "tapped", "soft": "true"}
    answer = client.post(f"{API}/masks", data=form, files={"image": ("a.png", file.getvalue())})
    assert answer.status_code == 200, answer.text
    view, refined = said(answer)
    assert np.abs(refined - by_points(folder, [[12, 20], [36, 10]], [1, 0])).max() <= NEARLY
    assert view["threshold"] == 0.5
    with Darkroom(site.url) as darkroom:
        mask = darkroom.find_mask(file.getvalue(), points=[{"x": 0.25, "y": 0.5}], soft=True)
    assert (np.asarray(Image.open(io.BytesIO(mask.png))) == one).all()
    assert view["share"] == pytest.approx((refined >= 127.5).mean(), abs=1e-4)


@pytest.mark.parametrize(
    ("asked", "pointer", "detail"),
    [
        ({}, "", "must have either `words` or `points`"),
        ({"words": "cat", "points": [{"x": 0, "y": 0}]}, "", "must have either"),
        ({"words": " , "}, "/words", "must say what is meant; it is empty"),
        ({"words": "a,b,c,d,e,f,g,h,i"}, "/words", "must name at most 8 things; it names 9"),
        ({"words": "a long story of a cat"}, "/words", "must be at most 14 tokens; it is 18"),
        ({"points": [{"x": 0, "y": 0, "positive": False}]}, "/points", "one that is positive"),
        ({"points": [{"x": 1.5, "y": 0}]}, "/points/0/x", "must be at most 1.0; it is 1.5"),
        ({"words": "cat", "segmenter": "x"}, "/segmenter", "no segmenter is named 'x'; there are"),
        ({"words": "cat", "segmenter": "tapped"}, "/segmenter", "goes by points, not by words"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(
    client: httpx.Client, asked: dict[str, Any], pointer: str, detail: str
):
    answer = client.post(f"{API}/masks", json={"image": data_uri(SHOWN), **asked})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert detail in error["detail"]


def test_the_editor_paints_what_a_word_or_a_tap_means(site: Site, client: httpx.Client):
    """On a phone, each as one stroke that can be undone."""
    file = io.BytesIO()
    SHOWN.save(file, "PNG")
    word, _ = found(client, words="cat")
    place, beside = {"x": 0.25, "y": 0.5}, {"x": 0.75, "y": 0.25, "positive": False}
    tap, _ = found(client, points=[place])
    refined, _ = found(client, points=[place, beside])
    with chromium() as browser:
        page = browser.new_page(viewport=PHONE, has_touch=True, is_mobile=True, locale="en-US")
        page.goto(site.url)
        open_painting(page, file.getvalue())
        undo = page.get_by_role("button", name="Undo")

        page.get_by_role("button", name="Choose by word").click()
        page.get_by_role("textbox", name="What should change").fill("cat")
        page.get_by_role("button", name="Choose it").click()
        assert share(page) == pytest.approx(100 * word["share"], abs=3)
        assert [*violations(page), *page.evaluate(TOO_SMALL)] == []
        page.get_by_label("How much counts").fill("2")
        expect(said_by(page)).to_contain_text("Nothing was found for \u201ccat\u201d")
        page.get_by_label("How much counts").fill("60")
        assert share(page) == pytest.approx(100 * word["share"], abs=3)
        undo.click()
        expect(said_by(page)).to_contain_text("A word or two")
        expect(undo).to_be_disabled()

        page.get_by_role("button", name="Choose by tap").click()
        expect(said_by(page)).to_contain_text("Tap what should change")
        fingers = Fingers(page)
        fingers.stroke((0.25, 0.5), (0.25, 0.5), steps=1)
        assert share(page) == pytest.approx(100 * tap["share"], abs=3)
        page.get_by_role("button", name="Not this").click()
        fingers.stroke((0.75, 0.25), (0.75, 0.25), steps=1)
        until(lambda: share(page) == pytest.approx(100 * refined["share"], abs=3))
        assert violations(page) == []
        undo.click()
        expect(said_by(page)).to_contain_text("Tap what should change")


def test_a_model_of_another_kind_is_no_segmenter(site: Site):
    entry = SegmenterEntry(name="own", base=site.data, section="segmenters", source="things")
    with pytest.raises(SourceError, match=r"it is Segformer.*, neither CLIPSeg"):
        load_segmenter(entry)
