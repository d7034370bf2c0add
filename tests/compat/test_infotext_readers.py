"""Our files in the programs that read recipes: sd-parsers and sd-prompt-reader, unchanged."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sd_parsers import ParserManager
from sd_prompt_reader.image_data_reader import ImageDataReader

from jobs.pictures.pictures import EXIF_IFD, UNICODE, USER_COMMENT
from jobs.recipes import infotext
from jobs.recipes.infotext import Maker
from jobs.recipes.recipes import UNDEFINED, exif_with, recipe_of
from jobs.request.pictures import InputPicture
from jobs.request.request import GenerationRequest, ResolvedRequest
from jobs.request.resolve import resolve
from jobs.request.samplers import SAMPLERS
from server.pages.renditions import Format, render
from tests.card import make_card
from worker.canvas.png import encode

HASH = "abcdef0123456789" * 4
CARD = make_card(
    name="emoji-1.5",
    sha256=HASH,
    loras=[{"name": "pixel"}],
    controlnets=[{"name": "canny"}],
)
MAKER = Maker("1.2", HASH)
FORMATS: tuple[Format, ...] = ("png", "jpeg", "webp")

PROMPTS = [
    "a cat",
    "red apple, (shiny:1.3), [dull], 3d, ",
    'a sign that says "Sale: 50 %, today", in the rain',
    "first line\nsecond line,\n\nthird: line",
    "an apple 🍎 and a family 👨‍👩‍👧",
    "con mèo và buổi sáng",
    "a cat <lora:pixel:0.8>",
    "the words Negative prompt: on a wall",
    "a list\nNegative prompt: cats\nSteps: 3, Sampler: Euler, Seed: 9, CFG scale: 1",
    "Steps: of stone, Sampler: none\nSteps: up",
    "a\\b c|d} 100%, C:\\pictures",
    "",
]

CANNOT_READ_OF_EXIF = ("Ü", "ß", "con mèo đội nón lá", "ở")
"""With some of the letters (U+xxD8 to U+xxDF) at which sd-prompt-reader breaks off with a JPEG or
WebP, AUTOMATIC1111's own as well: it reads the big-endian text as little-endian at first."""


def resolved(**fields: Any) -> ResolvedRequest:
    pictures = {
        f"/{name}": InputPicture("x", 64, 64) for name in ("image", "mask") if name in fields
    }
    pictures |= {"/controls/0/image": InputPicture("x", 64, 64)} if "controls" in fields else {}
    usual = {"prompt": "a cat", "seed": 4294967295, "sampler": "dpmpp_2m", "schedule": "karras"}
    return resolve(GenerationRequest(**usual | fields), [CARD], pictures)


def file_of(request: ResolvedRequest, format: Format) -> bytes:
    """The picture as the server hands it out."""
    pixels = np.zeros((request.height, request.width, 3), np.uint8)
    return render(encode(pixels, request, 0, MAKER), format, None)


def spaced(prompt: str) -> str:
    """The prompt as recipes have it: without the ends' spaces, and where a part of it would be
    taken for the beginning of the next one, with a space before the colon."""
    lines = [line.strip() for line in prompt.split("\n")]
    lines = [
        line.replace("Steps:", "Steps :", 1) if line.startswith("Steps:") else line
        for line in lines
    ]
    return "\n".join(lines).replace("Negative prompt:", "Negative prompt :").strip()


OPENED: list[Image.Image] = []
"""Kept for good: sd_parsers knows the picture before by its address, which another may have."""


def by_sd_parsers(data: bytes) -> dict[str, Any]:
    OPENED.append(Image.open(io.BytesIO(data)))
    found = ParserManager().parse(OPENED[-1])
    assert found is not None
    (sampler,) = found.samplers
    assert sampler.model is not None
    return {
        "positive": "\n".join(each.value for each in sampler.prompts),
        "negative": "\n".join(each.value for each in sampler.negative_prompts),
        "sampler": sampler.name,
        "seed": sampler.parameters["seed"],
        "steps": sampler.parameters["steps"],
        "cfg": sampler.parameters["cfg_scale"],
        "schedule": sampler.parameters["scheduler"],
        "size": found.metadata["Size"],
        "model": sampler.model.name,
        "model_hash": sampler.model.hash,
    }


def by_sd_prompt_reader(data: bytes) -> dict[str, Any]:
    found = ImageDataReader(io.BytesIO(data))
    assert found.tool == "A1111 webUI"
    return {
        "positive": found.positive,
        "negative": found.negative,
        "size": f"{found.width}x{found.height}",
    } | {name: found.parameter[name] for name in ("sampler", "seed", "steps", "cfg", "model")}


READERS = pytest.mark.parametrize("read", [by_sd_parsers, by_sd_prompt_reader])


@READERS
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_reader_finds_what_was_asked_for(read: Any, format: Format, prompt: str):
    prompts = {"prompt": prompt, "negative_prompt": "dog: a, b"}
    kind = {} if prompt else {"kind": "image-to-image", "image": "x"}
    request = resolved(width=96, height=64, guidance_scale=6.5, steps=25, **prompts, **kind)
    found = read(file_of(request, format))
    wanted = {
        "positive": spaced(prompt),
        "negative": "dog: a, b",
        "sampler": "DPM++ 2M",
        "schedule": "Karras",
        "seed": "4294967295",
        "steps": "25",
        "cfg": "6.5",
        "size": "96x64",
        "model": "emoji-1.5",
        "model_hash": "abcdef0123",
    }
    assert found == {name: wanted[name] for name in found}


@READERS
@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_reader_finds_an_awkward_negative_prompt_and_none(read: Any, prompt: str):
    found = read(file_of(resolved(negative_prompt=prompt), "png"))
    assert (found["positive"], found["negative"]) == ("a cat", spaced(prompt))


@READERS
@pytest.mark.parametrize(
    "fields",
    [
        {"controls": [{"model": "canny", "image": "x", "weight": 0.5}]},
        {"kind": "inpaint", "image": "x", "mask": "x", "inpaint_area": "masked"},
        {"hires": {"scale": 1.5, "upscaler": "latent"}},
        {"variation_seed": 3, "variation_strength": 0.25, "clip_skip": 2},
        {"kind": "upscale", "image": "x"},
    ],
)
def test_what_only_some_pictures_have_is_not_taken_for_something_else(
    read: Any, fields: dict[str, Any]
):
    found = read(file_of(resolved(**fields), "png"))
    assert (found["model"], found["seed"], found["steps"]) == ("emoji-1.5", "4294967295", "20")
    assert (found["sampler"], found["positive"]) == ("DPM++ 2M", "a cat")


@READERS
def test_every_sampler_goes_by_automatic1111s_title(read: Any):
    for name, info in SAMPLERS.items():
        request = resolved(sampler=name, schedule="automatic")
        assert read(file_of(request, "png"))["sampler"] == info.title


@pytest.mark.parametrize("prompt", CANNOT_READ_OF_EXIF)
def test_what_one_reader_cannot_read_of_a_jpeg_the_other_can(prompt: str):
    request = resolved(prompt=prompt)
    assert by_sd_parsers(file_of(request, "jpeg"))["positive"] == prompt
    assert by_sd_prompt_reader(file_of(request, "png"))["positive"] == prompt
    with pytest.raises(UnicodeDecodeError):
        by_sd_prompt_reader(file_of(request, "jpeg"))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("prompt", PROMPTS[:-1])
def test_we_read_our_own_files_again(format: Format, prompt: str):
    request = resolved(prompt=prompt, negative_prompt=f"not {prompt}")
    fields = recipe_of(file_of(request, format), [CARD])
    again = resolve(GenerationRequest(**fields), [CARD])
    # A PNG has our own record of the request beside the text, and that is exact.
    wanted = request.prompt if format == "png" else spaced(request.prompt)
    assert again.prompt.strip() == wanted.strip()
    assert (again.seed, again.sampler, again.schedule) == (
        request.seed, request.sampler, request.schedule
    )  # fmt: skip
    assert (again.loras, again.model) == (request.loras, "emoji-1.5")


def test_a_text_beside_the_pixels_alone_is_read_as_well():
    text = infotext.write(resolved(prompt="a, b: c"), 0, MAKER)
    found = ImageDataReader(io.StringIO(text), is_txt=True)
    assert (found.positive, found.parameter["model"]) == ("a, b: c", "emoji-1.5")


@pytest.mark.parametrize("text", ["cat", "con mèo 🐈"])
def test_a_comment_is_bytes_to_readers_of_exif_and_not_a_row_of_numbers(text: str):
    exif = exif_with(text)
    assert exif
    assert USER_COMMENT.to_bytes(2) + UNDEFINED.to_bytes(2) in exif
    found = Image.Exif()
    found.load(exif)
    assert found.get_ifd(EXIF_IFD) == {USER_COMMENT: UNICODE + text.encode("utf-16-be")}


def test_a_thumbnail_carries_no_recipe():
    thumbnail = render(file_of(resolved(width=96), "png"), "webp", 32)
    with Image.open(io.BytesIO(thumbnail)) as picture:
        assert not picture.getexif()
