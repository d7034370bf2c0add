"""Recipes as AUTOMATIC1111's users know them: written, read, and carried by pictures."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jobs.recipes import infotext
from jobs.recipes.infotext import PAIR, BadInfotext, Maker
from jobs.recipes.recipes import exif_with, known_part_of, prompts_of, recipe_of
from jobs.request.model_card import AddOn
from jobs.request.notes import Note
from jobs.request.pictures import InputPicture
from jobs.request.request import GenerationRequest, InvalidRequest
from jobs.request.resolve import resolve
from jobs.request.samplers import SAMPLERS
from tests.card import make_card
from worker.canvas.png import encode

HASH = "abcdef0123456789" * 4
CARD = make_card(
    sha256=HASH,
    loras=[{"name": "pixel"}, {"name": "line art"}],
    controlnets=[{"name": "canny"}],
)
MAKER = Maker("1.2", HASH)
BLACK = np.zeros((64, 64, 3), np.uint8)

A1111 = (
    "a cat, <lora:pixel:0.8>\nin a hat\nNegative prompt: dog,\nbad\n"
    "Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 123, "
    "Size: 96x64, Model hash: abcdef0123, Model: someOtherName_v1, Clip skip: 2, "
    'Lora hashes: "pixel: 0123456789ab", RNG: CPU, Version: v1.10.1'
)


def resolved(**fields: Any) -> Any:
    pictures = {
        pointer: InputPicture("x", 64, 64) for pointer in ("/image", "/mask", "/controls/0/image")
    }
    named = {f"/{name}" for name in fields} | {"/controls/0/image"}
    kept = {pointer: each for pointer, each in pictures.items() if pointer in named}
    return resolve(GenerationRequest(**{"prompt": "a cat", "seed": 5} | fields), [CARD], kept)


def png_with(**texts: str) -> bytes:
    info = PngInfo()
    for name, text in texts.items():
        info.add_itxt(name, text)
    return saved("PNG", pnginfo=info)


def saved(format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, format, **options)
    return file.getvalue()


def pairs(text: str) -> dict[str, str]:
    return {match[1]: match[2] for match in PAIR.finditer(text.splitlines()[-1])}


def test_what_is_written_has_the_names_and_the_order_that_readers_expect():
    text = infotext.write(
        resolved(negative_prompt="dog", sampler="dpmpp_2m", schedule="karras", count=3), 2, MAKER
    )
    assert text.splitlines()[:2] == ["a cat", "Negative prompt: dog"]
    assert text.splitlines()[2] == (
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5.0, Seed: 7, "
        "Size: 64x64, Model hash: abcdef0123, Model: small, Version: Darkroom 1.2"
    )


def test_every_sampler_with_every_schedule_comes_back():
    for name, info in SAMPLERS.items():
        for schedule in info.schedules:
            request = resolved(sampler=name, schedule=schedule)
            fields = infotext.read(infotext.write(request, 0, MAKER)).fields
            again = resolve(GenerationRequest(**fields), [CARD])
            assert (again.sampler, again.schedule) == (request.sampler, request.schedule)


def test_a_written_recipe_makes_the_same_request_again():
    request = resolved(
        prompt="a (cat:1.2), [dog]\nsecond line <lora:pixel:0.8> <lora:line art:-1>",
        negative_prompt="one, two\nthree: four",
        clip_skip=2,
        guidance_rescale=0.7,
        variation_seed=9,
        variation_strength=0.25,
        hires={"scale": 1.5, "steps": 7, "strength": 0.4, "upscaler": "lanczos"},
        width=96,
        guidance_scale=3.5,
        sampler="euler",
    )
    fields = infotext.read(infotext.write(request, 0, MAKER)).fields
    again = resolve(GenerationRequest(**fields), [CARD])
    assert again.prompt.strip() == request.prompt.strip()
    rest = {"prompt", "priority", "metadata"}
    assert again.model_dump(exclude=rest) == request.model_dump(exclude=rest)


def test_a_quoted_value_is_one_value():
    request = resolved(controls=[{"model": "canny", "image": "x", "weight": 0.5, "end": 0.8}])
    found = pairs(infotext.write(request, 0, MAKER))
    assert json.loads(found["ControlNet 0"]) == (
        "Module: none, Model: canny, Weight: 0.5, Guidance Start: 0, Guidance End: 0.8"
    )
    assert found["Version"] == "Darkroom 1.2"


def test_a_picture_of_a_picture_says_how_far_it_went():
    request = resolved(kind="inpaint", image="x", mask="x", strength=0.5, inpaint_area="masked")
    found = pairs(infotext.write(request, 0, MAKER))
    assert found["Denoising strength"] == "0.5"
    assert (found["Mask blur"], found["Inpaint area"]) == ("4", "Only masked")
    assert "Denoising strength" not in infotext.write(resolved(), 0, MAKER)


def test_automatic1111s_own_text_is_understood():
    recipe = infotext.read(A1111)
    assert recipe.fields == {
        "prompt": "a cat, <lora:pixel:0.8>\nin a hat",
        "negative_prompt": "dog,\nbad",
        "steps": 25,
        "sampler": "dpmpp_2m",
        "schedule": "karras",
        "guidance_scale": 6.5,
        "seed": 123,
        "width": 96,
        "height": 64,
        "clip_skip": 2,
    }
    request = resolve(GenerationRequest(**recipe.fields), [CARD])
    assert [(each.name, each.weight) for each in request.loras] == [("pixel", 0.8)]


def test_an_old_text_has_the_schedule_in_the_sampler():
    text = "cat\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1"
    fields = infotext.read(text).fields
    assert (fields["sampler"], fields["schedule"]) == ("dpmpp_2m", "karras")


def test_forges_two_scales_are_those_of_a_model_distilled_with_guidance():
    text = A1111.replace("CFG scale: 6.5", "CFG scale: 1, Distilled CFG Scale: 3.5")
    fields = infotext.read(text).fields
    assert (fields["guidance_scale"], fields["true_cfg_scale"]) == (3.5, 1)
    assert infotext.read(text).unread == infotext.read(A1111).unread


def test_a_second_pass_is_understood():
    text = (
        "cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64, "
        "Denoising strength: 0.55, Hires upscale: 2, Hires steps: 0, "
        "Hires upscaler: Latent (nearest-exact)"
    )
    assert infotext.read(text).fields["hires"] == {
        "scale": 2, "upscaler": "latent", "strength": 0.55
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a cat", "does not end with settings"),
        ("", "does not end with settings"),
    ],
)
def test_a_text_that_is_no_recipe_says_what_is_missing(text: str, words: str):
    with pytest.raises(BadInfotext, match=words):
        infotext.read(text)


@pytest.mark.parametrize("setting", ["Denoising strength: 0.5", "ControlNet 0: x"])
def test_a_recipe_that_starts_from_a_picture_says_so_and_makes_no_job(setting: str):
    text = f"cat\nSteps: 2, Seed: 3, Sampler: DDIM, {setting}"
    recipe = infotext.read(text)
    assert recipe.fields["prompt"] == "cat"
    assert recipe.lacks
    assert "another picture" in recipe.lacks[0].detail
    with pytest.raises(InvalidRequest, match="another picture"):
        recipe_of(png_with(parameters=text), [CARD])
    assert prompts_of(png_with(parameters=text)) == ("", "")


@pytest.mark.parametrize("count", [1, 4])
def test_a_made_picture_carries_the_request_that_makes_it_again(count: int):
    request = resolved(prompt="Küche 🍎 \0 <lora:pixel:0.5>", count=count, metadata={"a": 1})
    index = count - 1
    fields = recipe_of(encode(BLACK, request, index, MAKER), [CARD])
    again = resolve(GenerationRequest(**fields), [CARD])
    wanted = request.model_copy(
        update={"count": 1, "seed": request.image_seed(index), "metadata": {}}
    )
    assert again == wanted


def test_our_own_record_goes_before_the_text():
    record = json.dumps({"request": {"prompt": "ours"}})
    assert recipe_of(png_with(parameters=A1111, darkroom=record), [CARD])["prompt"] == "ours"


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
@pytest.mark.parametrize("order", ["utf-16-be", "utf-16-le"])
def test_a_jpeg_or_webp_has_its_text_in_exif(format: str, order: str):
    exif = Image.Exif()
    exif[0x8769] = {0x9286: b"UNICODE\0" + A1111.encode(order)}
    assert recipe_of(saved(format, exif=exif), [CARD])["seed"] == 123


def test_exif_of_ours_is_read_by_us():
    exif = exif_with(A1111.replace("hat", "帽子"))
    assert exif
    assert "帽子" in recipe_of(saved("JPEG", exif=exif), [CARD])["prompt"]
    assert exif_with("x" * 40_000) is None


def test_what_a_text_says_is_read_or_noted():
    more = "Tiling: True, CFG++: True, Face restoration: CodeFormer, VAE: kl.safetensors, "
    text = A1111.replace("RNG: CPU, ", f"RNG: CPU, {more}ENSD: 31337, Hires resize: None, ")
    card = CARD.model_copy(update={"vaes": [AddOn(name="kl")]})
    notes: list[Note] = []
    fields = recipe_of(png_with(parameters=text), [card], notes)
    assert (fields["tiling"], fields["cfg_plus_plus"], fields["vae"]) == ("both", True, "kl")
    said = "`RNG: CPU`, `Face restoration: CodeFormer`, `ENSD: 31337`"
    assert [each.detail for each in notes] == [f"of the picture's recipe nothing here does {said}"]
    fields, missing = known_part_of(png_with(parameters=text), [CARD])
    assert "vae" not in fields
    names = ["RNG", "Face restoration", "VAE", "ENSD"]
    assert [each.pointer for each in missing] == [f"/{name}" for name in names]


def test_a_face_restorer_is_found_by_automatic1111s_name():
    text = A1111.replace("RNG: CPU, ", "Face restoration: GFPGAN, ")
    card = CARD.model_copy(update={"face_restorers": [AddOn(name="gfpganv1.4")]})
    fields = recipe_of(png_with(parameters=text), [card])
    assert fields["restore_faces"] == {"model": "gfpganv1.4", "strength": 1}


def test_the_model_is_found_by_its_hash_else_by_its_name():
    assert recipe_of(png_with(parameters=A1111), [CARD])["model"] == "small"
    other = make_card(name="someOtherName_v1")
    assert recipe_of(png_with(parameters=A1111), [other])["model"] == "someOtherName_v1"
    with pytest.raises(InvalidRequest, match="made by someOtherName_v1 abcdef0123, which is not"):
        recipe_of(png_with(parameters=A1111), [make_card()])


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({}, "carries no recipe"),
        ({"prompt": "{}", "workflow": "{}"}, "made by ComfyUI, whose recipe in it cannot be read"),
        ({"darkroom": "{"}, "`darkroom` is not JSON"),
        ({"darkroom": "[" * 100_000}, "`darkroom` is not JSON"),
        ({"darkroom": "[]"}, "no object named `request`"),
        ({"darkroom": '{"request": 3}'}, "no object named `request`"),
        ({"parameters": "just words"}, "`parameters` cannot be used"),
    ],
)
def test_a_picture_without_a_whole_recipe_says_so(texts: dict[str, str], words: str):
    with pytest.raises(InvalidRequest, match=words) as refused:
        recipe_of(png_with(**texts), [CARD])
    assert [error.pointer for error in refused.value.errors] == [""]


def test_the_prompts_of_a_picture_have_its_loras():
    request = resolved(prompt="cat <lora:pixel:0.5>", negative_prompt="dog")
    assert prompts_of(encode(BLACK, request, 0, MAKER)) == ("cat  <lora:pixel:0.5>", "dog")
    assert prompts_of(png_with(parameters=A1111))[1] == "dog,\nbad"
    assert prompts_of(png_with()) == ("", "")
    assert prompts_of(png_with(darkroom='{"request": {"loras": [3], "prompt": 4}}')) == ("", "")
