"""Whole checkpoints, each one file dropped into a folder: by HTTP to a PNG equal to stock's."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.checkpoints import files as checkpoints
from tests.checkpoints.files import Checkpoint
from tests.dropped.conftest import Stock
from tests.dropped.dropping.room import LEVELS, Room, difference, room_in

# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own Euler.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIDE = 64
ASKED = {"prompt": "a photograph of an astronaut", "width": SIDE, "height": SIDE}
V_PREDICTION = {
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}
TRAILING = {"timestep_spacing": "trailing"}


@dataclass(frozen=True)
class Case:
    """A file, what the server is to say of it, and how stock diffusers is told the same."""

    checkpoint: Checkpoint
    says: Mapping[str, Any]
    asked: Mapping[str, Any] = field(default_factory=dict)
    stock: Mapping[str, Any] = field(default_factory=dict)
    scheduler: Mapping[str, Any] | None = None
    metadata: dict[str, str] | None = None


def says(family: str, sampler: str, side: int, **more: Any) -> dict[str, Any]:
    return {"family": family, "sampler": sampler, "width": side, "height": side, **more}


def scene(levels: int = 256) -> Image.Image:
    coarse = np.random.default_rng(3).integers(0, levels, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def sent(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


WHITE = Image.new("L", (SIDE, SIDE), 255)
INPAINT = {"kind": "inpaint", "image": sent(scene()), "mask": sent(WHITE), "mask_blur": 0}
INPAINTED = {"image": scene(), "mask_image": WHITE, "strength": 1.0}
KINDS = {"kinds": ["inpaint", "outpaint"]}
MARKERS = {"v_pred": (0,), "ztsnr": (0,)}
XL = {"guidance_scale": 5.0}
NAMED = (
    "Its file is named lightning, so it is taken for a distilled model: 4 steps, without guidance."
)
FEW = {"steps": 4, "guidance_scale": 1.0}

QUICK = {
    "sd1": Case(checkpoints.sd1(), says("sd1", "pndm", 512, steps=50, guidance_scale=7.5)),
}
SLOW = {
    "sdxl-v": Case(
        checkpoints.sdxl(more=MARKERS), says("sdxl", "euler", 1024, **XL), scheduler=V_PREDICTION
    ),
    "sdxl": Case(checkpoints.sdxl(), says("sdxl", "euler", 1024, **XL)),
    "sd2": Case(checkpoints.sd2(), says("sd2", "pndm", 512)),
    "sd2-by-metadata": Case(
        checkpoints.sd2(),
        says("sd2", "pndm", 768, title="Seven"),
        scheduler={"prediction_type": "v_prediction"},
        metadata={
            "modelspec.prediction_type": "v",
            "modelspec.resolution": "768x768",
            "modelspec.title": "Seven",
        },
    ),
    "sd1-inpainting": Case(
        checkpoints.sd1(9), says("sd1", "ddim", 512, **KINDS), INPAINT, INPAINTED
    ),
    "sd1-pix2pix": Case(
        checkpoints.sd1(8),
        says("sd1", "euler_a", 512, kinds=["edit"], image_guidance=True),
        {"kind": "edit", "image": sent(scene())},
        {"image": scene()},
    ),
    "sd2-inpainting": Case(
        checkpoints.sd2(9), says("sd2", "ddim", 512, **KINDS), INPAINT, INPAINTED
    ),
    "sdxl-inpainting": Case(
        checkpoints.sdxl(9), says("sdxl", "euler", 1024, **KINDS), INPAINT, INPAINTED
    ),
    "refiner": Case(
        checkpoints.refiner(),
        says("sdxl-refiner", "euler", 1024),
        {"kind": "image-to-image", "image": sent(scene()), "strength": 0.8},
        {"image": scene(), "strength": 0.8, "num_inference_steps": 5},
    ),
    "dreamXL_lightning4Steps": Case(
        checkpoints.sdxl(),
        says("sdxl", "euler", 1024, **FEW, description=NAMED),
        scheduler=TRAILING,
    ),
    "dreamshaperXL_v21TurboDPMSDE": Case(
        checkpoints.sdxl(),
        says("sdxl", "euler_a", 1024, **FEW),
        scheduler=TRAILING | {"_class_name": "EulerAncestralDiscreteScheduler"},
    ),
    "told": Case(
        checkpoints.sd1(),
        says("sd1", "lcm", 512, **FEW, description=""),
        scheduler={"_class_name": "LCMScheduler"},
        metadata={"modelspec.title": "Dream LCM", "modelspec.prediction_type": "epsilon"},
    ),
}
CASES = QUICK | SLOW
STEPS = 3


def name_of(case: str) -> str:
    return case.lower()


@pytest.fixture(scope="module")
def room(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Room]:
    """A server with the files of the cases that are run."""
    data = tmp_path_factory.mktemp("dropped")
    each = (getattr(item, "callspec", None) for item in request.session.items)
    wanted = {spec.params.get("case") for spec in each if spec}
    for case in wanted & CASES.keys():
        of = CASES[case]
        of.checkpoint.save(data / "models" / f"{case}.safetensors", metadata=of.metadata)
    with room_in(data) as room:
        yield room


@pytest.mark.parametrize(
    "case", [*QUICK, *(pytest.param(each, marks=pytest.mark.slow) for each in SLOW)]
)
def test_a_checkpoint_that_was_dropped_in_draws_as_stock_diffusers_does(
    room: Room, stock: Stock, case: str
):
    of = CASES[case]
    listed = room.models()[name_of(case)]
    assert {key: listed[key] for key in of.says} == of.says
    steps = of.stock.get("num_inference_steps", STEPS)
    made = room.picture(model=name_of(case), seed=5, steps=steps, **ASKED | dict(of.asked))
    file = room.site.data / "models" / f"{case}.safetensors"
    theirs = stock(
        of.checkpoint,
        file,
        seed=5,
        scheduler=of.scheduler,
        **_told(case, listed["guidance_scale"]) | dict(of.stock),
    )
    assert difference(made, theirs) <= LEVELS


def _told(case: str, guidance: float) -> dict[str, Any]:
    told: dict[str, Any] = {
        "prompt": ASKED["prompt"],
        "guidance_scale": guidance,
        "num_inference_steps": STEPS,
    }
    # Of what starts from a picture stock takes the size from that.
    return told if case in ("refiner", "sd1-pix2pix") else told | {"width": SIDE, "height": SIDE}
