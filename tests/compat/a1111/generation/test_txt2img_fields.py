"""What clients send to txt2img, however they send it, becomes the job they mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.request.fields.parts import Lora, RestoreFaces
from jobs.settings import settings
from tests.compat.a1111.sender import TXT2IMG, Sender

INK = Lora(name="ink", weight=0.5)


@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        # Left out or null: the model's own.
        ({}, {"width": 64, "height": 64, "steps": 20, "guidance_scale": 5.0, "count": 1}),
        ({}, {"sampler": "pndm", "schedule": "automatic", "hires": None, "kind": "text-to-image"}),
        (
            {"steps": None, "width": None, "cfg_scale": None, "sampler_name": None, "seed": None},
            {"width": 64, "steps": 20, "guidance_scale": 5.0, "sampler": "pndm"},
        ),
        ({"steps": 9, "cfg_scale": 2}, {"steps": 9, "guidance_scale": 2.0}),
        ({"steps": "9", "cfg_scale": "2.5"}, {"steps": 9, "guidance_scale": 2.5}),
        ({"no_such_field": {"a": 1}, "eta": 1.0, "styles": ["anime"]}, {"prompt": "a star"}),
        ({"negative_prompt": "rain"}, {"negative_prompt": "rain"}),
        ({"negative_prompt": None}, {"negative_prompt": ""}),
        ({"prompt": "a star <lora:ink:0.5>"}, {"prompt": "a star ", "loras": [INK]}),
        # Seeds.
        ({"seed": 7}, {"seed": 7}),
        ({"seed": "7"}, {"seed": 7}),
        ({"seed": 7.0}, {"seed": 7}),
        ({"subseed": 3, "subseed_strength": 0}, {"variation_seed": None}),
        (
            {"subseed": "3", "subseed_strength": 0.25},
            {"variation_seed": 3, "variation_strength": 0.25},
        ),
        # How many.
        ({"batch_size": 2}, {"count": 2}),
        ({"n_iter": 3}, {"count": 3}),
        ({"batch_size": 2, "n_iter": 3}, {"count": 6}),
        # Samplers and schedules.
        ({"sampler_name": "DDIM"}, {"sampler": "ddim", "schedule": "automatic"}),
        ({"sampler_index": "DDIM"}, {"sampler": "ddim"}),
        ({"sampler_name": "DDIM", "sampler_index": "PLMS"}, {"sampler": "ddim"}),
        ({"sampler_name": "", "sampler_index": "DDIM"}, {"sampler": "ddim"}),
        ({"sampler_name": "DDIM", "scheduler": "automatic"}, {"schedule": "automatic"}),
        ({"sampler_name": "DDIM", "scheduler": "Automatic"}, {"schedule": "automatic"}),
        ({"sampler_name": "DDIM", "scheduler": "SGM Uniform"}, {"schedule": "sgm_uniform"}),
        ({"sampler_name": "DDIM", "scheduler": "sgmuniform"}, {"schedule": "sgm_uniform"}),
        ({"sampler_index": "DPM++ 2M Karras"}, {"sampler": "dpmpp_2m", "schedule": "karras"}),
        ({"sampler_index": "k_dpmpp_2m"}, {"sampler": "dpmpp_2m", "schedule": "automatic"}),
        (
            {"sampler_name": "DPM++ 2M Karras", "scheduler": "automatic"},
            {"sampler": "dpmpp_2m", "schedule": "karras"},
        ),
        (
            {"sampler_name": "DPM++ 2M Karras", "scheduler": "exponential"},
            {"sampler": "dpmpp_2m", "schedule": "karras"},
        ),
        (
            {"sampler_name": "DPM++ 2M", "scheduler": "KARRAS"},
            {"sampler": "dpmpp_2m", "schedule": "karras"},
        ),
        # Sizes: rounded to what the model can make.
        ({"width": 96, "height": 80}, {"width": 96, "height": 80}),
        ({"width": 100, "height": 90}, {"width": 96, "height": 96}),
        ({"width": 1, "height": 2047}, {"width": 16, "height": 2048}),
        # Models and settings for one request.
        ({"override_settings": {"sd_model_checkpoint": "other"}}, {"model": "other", "steps": 7}),
        ({"override_settings": {"sd_model_checkpoint": "cdcdcdcdcd"}}, {"model": "other"}),
        (
            {"override_settings": {"sd_model_checkpoint": "other.safetensors [cdcdcdcdcd]"}},
            {"model": "other"},
        ),
        (
            {"override_settings": {"sd_model_checkpoint": "sdxl\\Other.safetensors [0123456789]"}},
            {"model": "other"},
        ),
        ({"override_settings": {"sd_model_checkpoint": None}}, {"model": "small"}),
        ({"override_settings": {"CLIP_stop_at_last_layers": 2}}, {"clip_skip": 2}),
        ({"override_settings": {"sd_vae": "vae.pt", "eta_ddim": 1}}, {"clip_skip": 1}),
        ({"override_settings": None}, {"model": "small"}),
        ({"override_settings": [], "alwayson_scripts": []}, {"model": "small", "controls": []}),
        ({"tiling": True}, {"tiling": "both"}),
        # What restores faces: the first, or the one that is named, as a setting or an option.
        ({"restore_faces": True}, {"restore_faces": RestoreFaces(model="restoreformer")}),
        (
            {
                "restore_faces": True,
                "override_settings": {"face_restoration_model": "GFPGAN"},
            },
            {"restore_faces": RestoreFaces(model="gfpganv1.4")},
        ),
        ({"override_settings": {"face_restoration_model": "GFPGAN"}}, {"restore_faces": None}),
        # Forge's two scales, of which a model that was not distilled with guidance has one.
        ({"cfg_scale": 4, "distilled_cfg_scale": 3.5}, {"guidance_scale": 4, "true_cfg_scale": 1}),
        (
            {
                "override_settings": {"sd_model_checkpoint": "flux-dev"},
                "cfg_scale": 1,
                "distilled_cfg_scale": 3.5,
            },
            {"guidance_scale": 3.5, "true_cfg_scale": 1},
        ),
        (
            {
                "override_settings": {"sd_model_checkpoint": "flux-dev"},
                "cfg_scale": 2,
                "distilled_cfg_scale": 3,
            },
            {"guidance_scale": 3, "true_cfg_scale": 2},
        ),
        # What asks for nothing.
        ({"restore_faces": False, "tiling": None, "s_churn": 0}, {"tiling": "none"}),
        ({"save_images": True, "do_not_save_grid": True, "script_name": None}, {"steps": 20}),
        ({"script_name": "", "script_args": [], "alwayson_scripts": {}}, {"controls": []}),
        ({"seed_resize_from_w": -1, "seed_resize_from_h": 0}, {"steps": 20}),
        ({"hr_prompt": "another", "hr_sampler_name": "DDIM"}, {"hires": None}),
    ],
)
def test_a_field_means_what_it_means_in_automatic1111(
    send: Sender, sent: dict[str, Any], meant: dict[str, Any]
) -> None:
    request = send(TXT2IMG, **sent)
    assert {name: getattr(request, name) for name in meant} == meant


@pytest.mark.parametrize("seed", [-1, "-1", "", None, -5])
def test_a_seed_that_is_none_is_drawn(send: Sender, seed: object) -> None:
    drawn = [send(TXT2IMG, seed=seed).seed for _ in range(2)]
    assert drawn[0] != drawn[1]
    info = json.loads(json.loads(send.answer.text)["info"])
    assert info["seed"] == drawn[1]


def test_a_variation_without_a_seed_draws_one(send: Sender) -> None:
    drawn = {send(TXT2IMG, subseed=-1, subseed_strength=0.5).variation_seed for _ in range(2)}
    assert len(drawn) == 2
    assert None not in drawn


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({}, {"scale": 2.0, "steps": None, "strength": 0.75, "upscaler": "latent"}),
        ({"hr_scale": 1.5, "denoising_strength": 0.4}, {"scale": 1.5, "strength": 0.4}),
        ({"hr_second_pass_steps": 0}, {"steps": None}),
        ({"hr_second_pass_steps": 6}, {"steps": 6}),
        ({"hr_upscaler": "None"}, {"upscaler": "lanczos"}),
        ({"hr_upscaler": "Lanczos"}, {"upscaler": "lanczos"}),
        ({"hr_upscaler": "Latent (bicubic antialiased)"}, {"upscaler": "latent"}),
        ({"hr_upscaler": "sharp-4x"}, {"upscaler": "sharp-4x"}),
        ({"hr_upscaler": "SHARP 4X"}, {"upscaler": "sharp-4x"}),
        ({"hr_resize_x": 96, "hr_resize_y": 96}, {"scale": 1.5}),
        ({"hr_resize_x": 96, "hr_resize_y": 0}, {"scale": 1.5}),
        ({"hr_resize_y": 128}, {"scale": 2.0}),
        ({"hr_sampler_name": "Use same sampler", "hr_scheduler": "Use same scheduler"}, {}),
        ({"hr_checkpoint_name": "Use same checkpoint", "hr_prompt": ""}, {}),
        ({"sampler_name": "DPM++ 2M Karras", "hr_sampler_name": "DPM++ 2M"}, {}),
        ({"firstphase_width": 32, "firstphase_height": 32, "width": 64, "height": 64}, {}),
    ],
)
def test_a_second_pass_is_the_one_that_was_asked_for(
    send: Sender, sent: dict[str, Any], meant: dict[str, Any]
) -> None:
    request = send(TXT2IMG, enable_hr=True, **sent)
    assert request.hires is not None
    assert {name: getattr(request.hires, name) for name in meant} == meant
    if "firstphase_width" in sent:
        assert (request.width, request.hires.scale) == (32, 2.0)


def test_pictures_of_a_batch_have_the_seeds_that_follow(send: Sender) -> None:
    send(TXT2IMG, batch_size=2, n_iter=2, seed=40)
    said = json.loads(send.answer.text)
    info = json.loads(said["info"])
    assert info["all_seeds"] == [40, 41, 42, 43]
    assert len(said["images"]) == len(info["infotexts"]) == len(info["all_prompts"]) == 4
    assert info["index_of_first_image"] == 0


def test_pictures_are_left_out_where_the_client_wants_none(send: Sender) -> None:
    send(TXT2IMG, send_images=False)
    said = json.loads(send.answer.text)
    assert said["images"] == []
    assert len(json.loads(said["info"])["all_seeds"]) == 1


def test_the_parameters_say_what_was_sent_and_what_was_chosen(send: Sender) -> None:
    send(TXT2IMG, width=100, styles=["anime"], sampler_index="DDIM", seed="5")
    parameters = json.loads(send.answer.text)["parameters"]
    chosen = {"width": 96, "height": 64, "steps": 20, "cfg_scale": 5.0, "n_iter": 1}
    sent = {"prompt": "a star", "styles": ["anime"], "sampler_index": "DDIM", "seed": "5"}
    assert parameters == parameters | chosen | sent


def test_as_many_pictures_as_are_allowed_are_made(send: Sender) -> None:
    assert send(TXT2IMG, n_iter=settings().max_count).count == settings().max_count
