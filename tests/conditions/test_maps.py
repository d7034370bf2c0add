"""What models of transformers see in a picture, drawn for ControlNets, by HTTP."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    SegformerForSemanticSegmentation,
    VitPoseForPoseEstimation,
    YolosForObjectDetection,
)
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil
from transformers.models.vitpose.image_processing_pil_vitpose import VitPoseImageProcessorPil
from transformers.models.yolos.image_processing_pil_yolos import YolosImageProcessorPil

from tests.conditions.by_hand import USUAL
from tests.engine.helpers import difference
from tests.features.development import photograph
from tests.running.paths import API
from tests.running.site import Site
from tests.tiny.maps import save_tiny_oneformer, save_tiny_pose, save_tiny_segmentation
from tests.tiny.text import tokenizer
from tests.worker.families.comparing.asking import data_uri, made, picture
from worker.engine import TOLERANCE
from worker.models.files.errors import SourceError
from worker.models.loading.mappers import load_mapper
from worker.models.tables import PreprocessorEntry

SHOWN = photograph(32, seed=21)

WALL, SKY, PERSON, FLAG = (120, 120, 120), (6, 230, 230), (150, 5, 61), (92, 0, 255)
"""ADE20K's first, third, 13th and last."""


def seen(client: httpx.Client, module: str) -> np.ndarray[Any, Any]:
    """What `detect` of AUTOMATIC1111's extension gives back."""
    data = io.BytesIO()
    SHOWN.save(data, "PNG")
    asked = {
        "controlnet_module": module,
        "controlnet_input_images": [base64.b64encode(data.getvalue()).decode()],
    }
    answer = client.post("/controlnet/detect", json=asked)
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["images"]
    return np.array(Image.open(io.BytesIO(base64.b64decode(found))))


def things_of(site: Site) -> np.ndarray[Any, Any]:
    """Which of its kinds of things a SegFormer sees at each place."""
    model = SegformerForSemanticSegmentation.from_pretrained(site.data / "things")
    processor = SegformerImageProcessorPil.from_pretrained(site.data / "things")
    with torch.inference_mode():
        logits = model(**processor(SHOWN, return_tensors="pt")).logits
        larger = torch.nn.functional.interpolate(
            logits, size=(32, 32), mode="bilinear", align_corners=False
        )
    return larger[0].argmax(0).numpy()


def test_what_stands_where_is_drawn_in_the_colours_of_ade20k_and_followed(
    site: Site, client: httpx.Client
):
    listed = {
        each["name"]: each for each in client.get(f"{API}/preprocessors").json()["preprocessors"]
    }
    assert [listed[name]["task"] for name in ("canny", "things", "joints")] == [
        "",
        "segmentation",
        "pose",
    ]
    drawn, kinds = seen(client, "seg_ofade20k"), things_of(site)
    for kind in np.unique(kinds):
        (colour,) = np.unique(drawn[kinds == kind], axis=0)
        known = {0: WALL, 2: SKY, 12: PERSON, 149: FLAG}
        assert tuple(colour) == known.get(int(kind), tuple(colour))
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == len(np.unique(kinds)) > 2
    # An adapter with random weights hardly looks at its picture.
    steering = {"model": "edges", "image": data_uri(SHOWN), "weight": 2.0}
    elsewhere = steering | {"image": data_uri(Image.fromarray(drawn))}
    jobs = [
        made(client, **USUAL, controls=[each])
        for each in (steering | {"preprocessor": "things"}, elsewhere, steering)
    ]
    ours, given, plain = (picture(client, job) for job in jobs)
    assert difference(ours, given) <= TOLERANCE
    assert difference(ours, plain) > TOLERANCE


def test_people_are_found_and_drawn_as_openpose_draws_them(site: Site, client: httpx.Client):
    drawn = seen(client, "openpose")
    finder = YolosForObjectDetection.from_pretrained(site.data / "people")
    looks = YolosImageProcessorPil.from_pretrained(site.data / "people")
    with torch.inference_mode():
        objects = looks.post_process_object_detection(
            finder(**looks(SHOWN, return_tensors="pt")), threshold=0.3, target_sizes=[(32, 32)]
        )[0]
    corners = objects["boxes"][objects["labels"] == 1]
    assert len(corners)
    boxes = [[x, y, to_x - x, to_y - y] for x, y, to_x, to_y in corners.tolist()]
    model = VitPoseForPoseEstimation.from_pretrained(site.data / "joints")
    reads = VitPoseImageProcessorPil.from_pretrained(site.data / "joints")
    with torch.inference_mode():
        heat = model(**reads(SHOWN, boxes=[boxes], return_tensors="pt"))
    people = reads.post_process_pose_estimation(heat, boxes=[boxes])[0]
    # The last dot that is drawn is the last person's left ear: COCO's fourth joint.
    across, down = people[-1]["keypoints"][3].int().tolist()
    assert 0 <= across < 32
    assert 0 <= down < 32
    assert tuple(drawn[down, across]) == (255, 0, 85)


def test_oneformer_is_told_what_to_do_in_words(tmp_path: Any):
    save_tiny_oneformer(tmp_path / "one")
    entry = PreprocessorEntry(
        name="own", base=tmp_path, section="preprocessors", source="one", task="segmentation"
    )
    told: list[torch.Tensor] = []
    mapper = load_mapper(entry)
    model = mapper._model
    model.register_forward_pre_hook(
        lambda _, args, given: told.append(given["task_inputs"]), with_kwargs=True
    )
    drawn = mapper.map(np.asarray(SHOWN))
    assert drawn.shape == (32, 32, 3)
    (asked,) = told
    words = tokenizer()("the task is semantic")["input_ids"]
    assert asked[0].tolist() == [*words, *[0] * (77 - len(words))]


def test_a_model_of_other_things_is_refused_with_what_it_lacks(tmp_path: Any):
    save_tiny_segmentation(tmp_path / "few", kinds=3)
    save_tiny_pose(tmp_path / "bones", joints=4)

    def load(source: str, **fields: Any) -> None:
        entry = PreprocessorEntry(
            name="own", base=tmp_path, section="preprocessors", source=source, **fields
        )
        load_mapper(entry)

    with pytest.raises(SourceError, match="tells 3 kinds of things apart, not the 150 of ADE20K"):
        load("few", task="segmentation")
    with pytest.raises(SourceError, match="finds 4 joints, not the 17"):
        load("bones", task="pose")
    with pytest.raises(SourceError, match="it is SegformerForSemanticSegmentation, no ViTPose"):
        load("few", task="pose")
    with pytest.raises(SourceError, match=r"detector: it is for the task pose; leave it out"):
        load("few", task="segmentation", detector="bones")
