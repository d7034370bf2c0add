"""Every choice that is made for a caller, and every request that fits no model."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.request.model_card import AddOn, ModelCard, name_from
from jobs.request.pictures import InputPicture, named_pictures
from jobs.request.request import GenerationRequest, InvalidRequest, ResolvedRequest
from jobs.request.resolve import resolve
from tests.card import make_card

CARD = make_card(
    loras=[AddOn(name="pixel"), AddOn(name="line")],
    controlnets=[AddOn(name="canny")],
    ip_adapters=[AddOn(name="likeness")],
    upscalers=[AddOn(name="esrgan")],
    clip_layers=3,
)


def asked(
    card: ModelCard = CARD, size: tuple[int, int] = (64, 48), **fields: Any
) -> ResolvedRequest:
    """Resolve a request whose every named picture is there and has this size."""
    request = GenerationRequest(**{"prompt": "apple"} | fields)
    pictures = {
        pointer: InputPicture(f"kept{index}", *size)
        for index, pointer in enumerate(named_pictures(request))
    }
    return resolve(request, [card], pictures)


def refused(**fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as error:
        asked(**fields)
    return [(each.pointer, each.detail) for each in error.value.errors]


def test_the_last_layer_that_a_model_has_may_be_asked_for():
    assert asked(clip_skip=3).clip_skip == 3


@pytest.mark.parametrize("fields", [{"hires": {"scale": 2}}, {"variation_strength": 0.5}])
def test_a_pipeline_that_runs_whole_refuses_what_it_does_not_take(fields: dict[str, Any]):
    with pytest.raises(InvalidRequest, match="runs as a whole pipeline"):
        asked(make_card(batched=False), **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"ip_adapters": [{"model": "likeness", "images": ["x"]}]},
        {"controls": [{"model": "canny", "image": "x"}]},
        {"reference_only": {"image": "x"}},
    ],
)
def test_where_a_picture_says_what_to_draw_there_need_be_no_words(fields: dict[str, Any]):
    assert asked(prompt="", **fields).prompt == ""


FROM = {"kind": "image-to-image", "image": "x"}
ENLARGED = {"kind": "upscale", "image": "x", "strength": 0.0}
INPAINT = {"kind": "inpaint", "image": "x", "mask": "x"}
CONTROL = {"model": "canny", "image": "x"}


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        ({"prompt": ""}, "/prompt", "must say what to draw"),
        ({"prompt": "<lora:pixel:1>"}, "/prompt", "must say what to draw"),
        ({"image": "x"}, "/image", "text-to-image starts from no picture"),
        ({"kind": "image-to-image"}, "/image", "is required"),
        ({"kind": "inpaint", "image": "x"}, "/mask", "is required"),
        (FROM | {"mask": "x"}, "/mask", "image-to-image has no mask"),
        ({"kind": "outpaint", "image": "x"}, "/expand", "at least one pixel"),
        (FROM | {"expand": {"left": 8}}, "/expand", "outpaint does"),
        ({"scale": 2.0}, "/scale", "upscale does"),
        (FROM | {"upscaler": "esrgan"}, "/upscaler", "upscale does"),
        (INPAINT | {"hires": {}}, "/hires", "has no second pass"),
        ({"strength": 0.5}, "/strength", "starts from no picture"),
        ({"clip_skip": 4}, "/clip_skip", "must be at most 3 for the model small; it is 4"),
        ({"prompt": "x <lora:no:1>"}, "/prompt", "no LoRA for the model small is named 'no'"),
        ({"prompt": "x <lora:pixel:9>"}, "/prompt", "weights from -4 to 4"),
        ({"loras": [{"name": "no"}]}, "/loras/0/name", "there are pixel, line"),
        ({"controls": [CONTROL | {"model": "no"}]}, "/controls/0/model", "there are canny"),
        (
            {"controls": [CONTROL | {"start": 0.5, "end": 0.25}]},
            "/controls/0/end",
            "must be at least start, 0.5; it is 0.25",
        ),
        ({"restore_faces": {}}, "/restore_faces", "there is no face restorer on this server"),
        ({"hires": {"upscaler": "no"}}, "/hires/upscaler", "there are latent, lanczos, nearest"),
        ({"kind": "upscale", "image": "x", "upscaler": "no"}, "/upscaler", "esrgan"),
        ({"schedule": "zigzag"}, "/schedule", "no schedule is named 'zigzag'"),
        ({"width": 60}, "/width", "multiple of 8"),
        ({"width": 1024, "hires": {"scale": 4.0}}, "/hires/scale", "it would be 4096x256"),
        ({"kind": "outpaint", "image": "x", "expand": {"top": 2048}}, "/width", "64x2096"),
        (
            {"kind": "upscale", "image": "x", "width": 100},
            "/width",
            "follows from the picture: it is 128, not 100; leave it out",
        ),
        (
            INPAINT | {"size": (4000, 3000), "inpaint_area": "whole"},
            "/width",
            "it would be 4000x3000",
        ),
        (INPAINT | {"size": (4, 64)}, "/image", "no side may be shorter than 8"),
    ],
)
def test_what_does_not_fit_is_named(fields: dict[str, Any], pointer: str, words: str):
    [(found, detail)] = refused(**fields)
    assert found == pointer
    assert words in detail


def test_a_kind_that_the_model_does_not_do_is_told_what_it_does():
    card = make_card(kinds=["text-to-image"])
    assert refused(card=card, **FROM) == [("/kind", "the model small does text-to-image")]


def test_a_sampler_that_the_model_does_not_take_is_refused():
    card = make_card(samplers=["pndm", "dpmpp_2m"])
    assert refused(card=card, sampler="ddim") == [
        ("/sampler", "the model small takes pndm, dpmpp_2m")
    ]
    assert asked(card=card, sampler="DPM++ 2M Karras").sampler == "dpmpp_2m"


def test_too_many_loras_count_those_in_the_prompt():
    loras = [{"name": "pixel"}] * 7
    tags = "<lora:pixel:1><lora:line:1>"
    assert ("/loras", "must be at most 8, those in the prompt included; there are 9") in refused(
        prompt=f"x {tags}", loras=loras
    )


def test_a_control_whose_picture_is_missing_is_named():
    request = GenerationRequest.model_validate({"prompt": "x", "controls": [CONTROL]})
    with pytest.raises(InvalidRequest) as error:
        resolve(request, [CARD], {})
    assert [each.pointer for each in error.value.errors] == ["/controls/0/image"]


def test_a_tag_becomes_a_lora_and_leaves_the_prompt():
    got = asked(prompt="apple <lora:pixel:0.5>", loras=[{"name": "line"}])
    assert got.prompt == "apple "
    assert [(each.name, each.weight) for each in got.loras] == [("line", 1.0), ("pixel", 0.5)]


@pytest.mark.parametrize("file", ["Line Art v1.5", "Ink " * 30])
def test_a_tag_may_name_a_lora_as_its_file_is_named(file: str):
    card = CARD.model_copy(update={"loras": [AddOn(name=name_from(file))]})
    request = GenerationRequest(prompt=f"apple <lora:{file}:1>")
    assert [each.name for each in resolve(request, [card]).loras] == [card.loras[0].name]


def test_pictures_go_by_the_ids_under_which_they_are_kept():
    got = asked(**INPAINT, controls=[CONTROL])
    assert (got.image, got.mask, got.controls[0].image) == ("kept0", "kept1", "kept2")


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, (64, 64)),
        ({"width": 96}, (96, 64)),
        (FROM | {"size": (640, 640)}, (64, 64)),
        (FROM | {"size": (4000, 1000)}, (128, 32)),
        (FROM | {"size": (4000, 1000), "width": 256}, (256, 64)),
        (FROM | {"size": (1000, 4000), "height": 256}, (64, 256)),
        (FROM | {"size": (10, 10), "width": 100, "height": 30}, (100, 30)),
        (FROM | {"size": (8, 8000)}, (8, 2024)),
        (INPAINT | {"size": (100, 75)}, (100, 75)),
        (INPAINT | {"size": (100, 75), "inpaint_area": "masked"}, (64, 64)),
        (INPAINT | {"size": (4000, 3000)}, (64, 64)),
        (INPAINT | {"size": (4000, 3000), "width": 200, "height": 150}, (200, 150)),
        ({"kind": "outpaint", "image": "x", "expand": {"left": 5, "bottom": 3}}, (69, 51)),
        ({"kind": "upscale", "image": "x"}, (128, 96)),
        ({"kind": "upscale", "image": "x", "scale": 1.5, "size": (33, 33)}, (50, 50)),
        (ENLARGED | {"size": (3264, 2448)}, (6528, 4896)),
        (ENLARGED | {"size": (4032, 3024), "scale": 1.5}, (6048, 4536)),
    ],
)
def test_the_size_follows_from_the_kind_and_the_picture(
    fields: dict[str, Any], size: tuple[int, int]
):
    got = asked(**fields)
    assert (got.width, got.height) == size


@pytest.mark.parametrize(
    ("fields", "strength"),
    [({}, 1.0), (FROM, 0.75), (INPAINT, 1.0), (FROM | {"strength": 0.0}, 0.0)],
)
def test_the_strength_follows_from_the_kind(fields: dict[str, Any], strength: float):
    assert asked(**fields).strength == strength


def test_a_models_own_schedule_goes_with_its_own_sampler_only():
    card = make_card(sampler="dpmpp_2m", schedule="karras")
    assert asked(card=card).schedule == "karras"
    assert asked(card=card, sampler="DPM++ 2M").schedule == "karras"
    assert asked(card=card, sampler="euler").schedule == "automatic"
    assert asked(card=card, schedule="Exponential").schedule == "exponential"


def test_a_schedule_in_the_samplers_name_is_taken_apart():
    got = asked(sampler="dpmpp_2m_karras")
    assert (got.sampler, got.schedule) == ("dpmpp_2m", "karras")


def test_an_upscaler_is_chosen_only_to_upscale():
    assert asked().upscaler is asked().scale is None
    got = asked(kind="upscale", image="x")
    assert (got.upscaler, got.scale) == ("lanczos", 2.0)


def test_variations_take_the_pictures_prompt_where_there_is_none():
    source = InputPicture("kept", 64, 64, "pear <lora:pixel:0.5>", "blur")

    def made(**fields: Any) -> ResolvedRequest:
        request = GenerationRequest(kind="variations", image="x", **fields)
        return resolve(request, [CARD], {"/image": source})

    assert (made().prompt, made().negative_prompt) == ("pear ", "blur")
    assert made().loras[0].name == "pixel"
    assert made(negative_prompt="dog").negative_prompt == "dog"
    assert (made(prompt="fig").prompt, made(prompt="fig").negative_prompt) == ("fig", "")


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "apple <lora:pixel:0.5>", "loras": [{"name": "line", "weight": -1.0}]},
        FROM | {"size": (123, 457)},
        INPAINT | {"size": (123, 45), "inpaint_area": "masked", "fill": "noise"},
        {"kind": "outpaint", "image": "x", "expand": {"left": 5}},
        {"kind": "upscale", "image": "x", "scale": 1.3, "upscaler": "esrgan"},
        {"kind": "variations", "image": "x", "prompt": ""},
        {"hires": {"upscaler": "esrgan"}, "controls": [CONTROL], "sampler": "DPM++ 2M Karras"},
    ],
    ids=lambda fields: fields.get("kind", "text-to-image"),
)
def test_what_was_resolved_resolves_to_itself(fields: dict[str, Any]):
    got = asked(**fields)
    again = {"size": fields.get("size", (64, 48))} | got.model_dump(mode="json")
    assert asked(**again) == got


def test_what_is_read_from_an_old_record_is_not_checked_again():
    got = asked(loras=[{"name": "line"}], controls=[CONTROL], hires={"scale": 1.5})
    fields = got.model_dump(mode="json")
    assert ResolvedRequest.restored(fields) == got
    assert ResolvedRequest.restored(fields | {"steps": 100_000}).steps == 100_000
