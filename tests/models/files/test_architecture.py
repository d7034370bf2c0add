"""What a model is taken for, from its configuration alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from jobs.request.model_card import Kind, ModelCard
from jobs.request.samplers import SAMPLERS
from tests.models.helpers import WriteModels, copy_model, edit_json
from tests.tiny.pipelines.pipelines import SAVERS, save_tiny_pixart
from worker.models.files.architecture import read_architecture
from worker.models.files.cards import card
from worker.models.files.errors import SourceError
from worker.models.files.sources import ModelFiles

EVERY_KIND = [kind for kind in get_args(Kind) if kind != "edit"]
WITH_A_MASK = ["inpaint", "outpaint"]
FROM_A_PICTURE = ["image-to-image", "upscale", "variations"]


def card_of(write_models: WriteModels, folder: Path, **table: object) -> ModelCard:
    return card(write_models(m={"source": str(folder), **table})["m"])


def refusal(folder: Path) -> str:
    with pytest.raises(SourceError) as raised:
        read_architecture("m", ModelFiles(folder))
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "family", "kinds"),
    [
        ("sd1", "sd1", EVERY_KIND),
        ("sd1-cosine", "sd1", EVERY_KIND),
        ("sd1-inpainting", "sd1", WITH_A_MASK),
        ("lcm", "sd1", EVERY_KIND),
        ("turbo", "sd2", EVERY_KIND),
        ("sd2", "sd2", EVERY_KIND),
        ("sd2-zero-snr", "sd2", EVERY_KIND),
        ("sdxl", "sdxl", EVERY_KIND),
        ("sdxl-inpainting", "sdxl", WITH_A_MASK),
        ("sdxl-refiner", "sdxl-refiner", FROM_A_PICTURE),
    ],
)
def test_a_family_and_what_it_can_do_are_told_from_its_configuration(
    write_models: WriteModels, families: dict[str, Path], name: str, family: str, kinds: list[Kind]
):
    known = card_of(write_models, families[name], title="Tiny")
    assert (known.family, known.kinds, known.batched) == (family, kinds, True)
    assert (known.width, known.height, known.factor, known.window) == (16, 16, 2, 10)
    assert (known.title, known.samplers) == ("Tiny", list(SAMPLERS))
    assert known.clip_layers == (2 if family.startswith("sdxl") else 3)


def test_a_distilled_model_starts_with_its_own_sampler_steps_and_guidance(
    write_models: WriteModels, families: dict[str, Path]
):
    known = card_of(write_models, families["lcm"])
    assert (known.sampler, known.steps, known.guidance_scale) == ("lcm", 4, 8.5)
    chosen = card_of(write_models, families["lcm"], sampler="ddim", steps=9, guidance_scale=2.0)
    assert (chosen.sampler, chosen.steps, chosen.guidance_scale) == ("ddim", 9, 2.0)


def test_a_consistency_model_that_has_learned_its_guidance_starts_without(
    write_models: WriteModels, families: dict[str, Path], tmp_path: Path
):
    folder = copy_model(families["lcm"], tmp_path / "merged")
    edit_json(folder / "unet" / "config.json", time_cond_proj_dim=None)
    known = card_of(write_models, folder)
    assert (known.sampler, known.steps, known.guidance_scale) == ("lcm", 4, 1.0)


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("turbo", ("euler", 4, 1.0)),
        ("sd2-zero-snr", ("ddim", 50, 7.5)),
        ("sd1", ("pndm", 50, 7.5)),
        ("sdxl", ("euler", 50, 5.0)),
    ],
)
def test_a_turbo_model_starts_with_few_steps_and_no_guidance_and_no_other_does(
    write_models: WriteModels,
    families: dict[str, Path],
    name: str,
    defaults: tuple[str, int, float],
):
    known = card_of(write_models, families[name])
    assert (known.sampler, known.steps, known.guidance_scale) == defaults


def test_what_another_noise_was_made_for_runs_whole(
    write_models: WriteModels, families: dict[str, Path], tmp_path: Path
):
    folder = copy_model(families["sdxl"], tmp_path / "edm")
    edit_json(
        folder / "model_index.json", scheduler=["diffusers", "EDMDPMSolverMultistepScheduler"]
    )
    known = card_of(write_models, folder)
    assert (known.family, known.batched) == ("StableDiffusionXLPipeline", False)


@pytest.mark.parametrize(
    ("save", "family", "factor", "side"),
    [
        (save_tiny_pixart, "PixArtAlphaPipeline", 16, 256),
    ],
)
def test_other_families_run_whole_under_the_name_of_their_pipeline(
    write_models: WriteModels,
    tmp_path: Path,
    save: Callable[[Path], Path],
    family: str,
    factor: int,
    side: int,
):
    known = card_of(write_models, save(tmp_path / "whole"))
    assert (known.family, known.batched, known.kinds) == (family, False, ["text-to-image"])
    assert (known.sampler, known.samplers) == ("default", ["default"])
    assert (known.factor, known.width, known.height) == (factor, side, side)


FLOWING = [
    *("dpmpp_2m", "dpmpp_2m_sde", "dpmpp_2m_sde_heun", "dpmpp_2s_a", "dpmpp_3m_sde"),
    *("euler", "heun", "unipc", "lcm", "deis"),
]
"""The samplers that have a form for flow matching."""


@pytest.mark.parametrize(
    ("family", "factor", "side", "layers", "distilled", "sampler"),
    [
        ("sd3", 4, 16, 2, False, "euler"),
        ("flux", 4, 1024, 1, True, "euler"),
        ("qwen-image", 8, 1024, 1, False, "euler"),
        ("qwen-image-21", 32, 1024, 1, False, "euler"),
        ("z-image", 4, 1024, 1, False, "euler"),
        ("sana", 4, 16, 1, False, "dpmpp_2m"),
        ("lumina2", 16, 32, 1, False, "euler"),
        ("flux2", 4, 1024, 1, True, "euler"),
        ("flux2-klein", 4, 1024, 1, False, "euler"),
        ("chroma", 4, 1024, 1, False, "euler"),
        ("hidream", 4, 1024, 1, False, "euler"),
    ],
)
def test_flow_matching_transformers_are_batched_and_take_their_own_samplers(
    write_models: WriteModels,
    tmp_path: Path,
    family: str,
    factor: int,
    side: int,
    layers: int,
    distilled: bool,
    sampler: str,
):
    known = card_of(write_models, SAVERS[family](tmp_path / "model"))
    assert (known.family, known.batched, known.clip_layers) == (family, True, layers)
    assert (known.factor, known.width, known.height) == (factor, side, side)
    assert known.distilled_guidance == distilled
    assert known.sampler == sampler
    assert known.samplers == FLOWING
    assert known.schedules == ["automatic", "karras", "exponential", "beta", "linear_quadratic"]


def test_what_was_distilled_to_few_steps_says_so_in_its_defaults(
    write_models: WriteModels, tmp_path: Path
):
    folder = SAVERS["flux2-klein"](tmp_path / "model")
    assert card_of(write_models, folder).steps == 50
    edit_json(folder / "model_index.json", is_distilled=True)
    known = card_of(write_models, folder)
    assert (known.steps, known.guidance_scale) == (4, 1.0)


def test_a_batched_pipeline_that_cannot_run_whole_is_refused_with_what_is_not_known(
    write_models: WriteModels, tmp_path: Path
):
    folder = SAVERS["hidream"](tmp_path / "model")
    edit_json(folder / "model_index.json", vae=["diffusers", "AutoencoderDC"])
    with pytest.raises(SourceError, match="its vae is AutoencoderDC, not AutoencoderKL"):
        card_of(write_models, folder)
    edit_json(folder / "model_index.json", vae=["diffusers", "AutoencoderKL"])
    edit_json(folder / "model_index.json", text_encoder_4=[None, None])
    with pytest.raises(SourceError, match="its text_encoder_4 is missing"):
        card_of(write_models, folder)


def test_a_transformer_that_predicts_noise_takes_the_samplers_of_unets(
    write_models: WriteModels, tmp_path: Path
):
    known = card_of(write_models, SAVERS["pixart-sigma"](tmp_path / "model"))
    assert (known.family, known.batched, known.sampler) == ("pixart-sigma", True, "dpmpp_2m")
    assert known.samplers == list(SAMPLERS)


def config_folder(folder: Path, **files: dict[str, Any]) -> Path:
    """A model of which only the configuration is there."""
    for part, config in files.items():
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text(json.dumps(config))
    return folder


def test_a_deep_compression_autoencoder_has_no_patches(tmp_path: Path):
    folder = config_folder(
        tmp_path,
        transformer={"sample_size": 32, "patch_size": 1},
        vae={"encoder_block_out_channels": [128, 256, 512, 512, 1024, 1024]},
    )
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "SanaPipeline"}))
    shape = read_architecture("m", ModelFiles(folder))
    assert (shape.factor, shape.width, shape.height) == (32, 1024, 1024)


def test_a_pipeline_with_code_of_its_own_is_refused(families: dict[str, Path], tmp_path: Path):
    folder = copy_model(families["sd1"], tmp_path / "own")
    edit_json(folder / "model_index.json", _class_name=["pipeline", "MyPipeline"])
    assert refusal(folder).startswith("model: m is a MyPipeline, which brings code of its own")


def test_a_part_with_code_of_its_own_is_refused(families: dict[str, Path], tmp_path: Path):
    folder = copy_model(families["sd1"], tmp_path / "own")
    (folder / "unet" / "my_unet.py").write_text("raise SystemExit")
    edit_json(folder / "model_index.json", unet=["my_unet", "MyUNet"])
    assert refusal(folder).startswith("model: m has the unet MyUNet, which brings code of its own")


def test_what_is_no_pipeline_is_refused_by_its_class(families: dict[str, Path], tmp_path: Path):
    folder = copy_model(families["sd1"], tmp_path / "other")
    edit_json(folder / "model_index.json", _class_name="ControlNetModel", unet=None)
    assert refusal(folder) == "model: m is a ControlNetModel, which is no diffusers pipeline."


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"in_channels": 7},
            "takes 7 channels, neither the 4 of its latents nor 8 for editing nor 9",
        ),
        ({"addition_embed_type": "image"}, "wants more than a prompt, a size and a mask: image."),
        ({"class_embed_type": "projection"}, "wants more than a prompt, a size and a mask: proj"),
        (
            {"encoder_hid_dim_type": "text_proj"},
            "wants more than a prompt, a size and a mask: text",
        ),
    ],
)
def test_a_unet_that_wants_something_else_is_refused(
    families: dict[str, Path], tmp_path: Path, fields: dict[str, object], sentence: str
):
    folder = copy_model(families["sd1"], tmp_path / "other")
    edit_json(folder / "unet" / "config.json", **fields)
    assert sentence in refusal(folder)


def test_a_model_that_predicts_something_else_is_refused(families: dict[str, Path], tmp_path: Path):
    folder = copy_model(families["sd1"], tmp_path / "other")
    edit_json(folder / "scheduler" / "scheduler_config.json", prediction_type="flow_prediction")
    assert refusal(folder) == (
        "model: m predicts flow_prediction; Darkroom runs epsilon, v_prediction, sample."
    )


def test_a_default_size_that_the_model_cannot_make_is_refused(
    write_models: WriteModels, families: dict[str, Path]
):
    with pytest.raises(SourceError, match=r"models\.m\.width: 17 is not a multiple of 2\."):
        card_of(write_models, families["sd1"], width=17)
