"""What a single file's shapes say of its configuration, and what it says of itself."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.checkpoints import files as checkpoints
from tests.checkpoints.files import CLIP
from tests.checkpoints.layers import Shape, Unet, autoencoder_shapes, clip_shapes, open_clip_shapes
from tests.models.helpers import WriteModels
from worker.models.files.cards import card
from worker.models.files.configurations.claims import LAST_NORM, Claims, read_claims
from worker.models.files.configurations.composed import compose
from worker.models.files.configurations.scheduler import sampler_of, scheduler_config
from worker.models.files.configurations.steering import steering_config
from worker.models.files.configurations.unet import controlnet_config
from worker.models.files.errors import SourceError
from worker.models.files.formats.safetensors_file import Shapes, read_header
from worker.models.files.sources import locate

UNETS = {
    "sd1": Unet(320, (1, 2, 4, 4), (1, 1, 1, 0), 1, 768, linear=False),
    "sd2": Unet(320, (1, 2, 4, 4), (1, 1, 1, 0), 1, 1024, linear=True),
    "sdxl": Unet(320, (1, 2, 4), (0, 2, 10), 10, 2048, linear=True, adm=2816),
    "sdxl-refiner": Unet(384, (1, 2, 4, 4), (0, 4, 4, 0), 4, 1280, linear=True, adm=2560),
}
TEXTS: dict[str, dict[str, dict[str, Shape]]] = {
    "sd1": {"cond_stage_model.transformer.text_model": clip_shapes(768)},
    "sd2": {"cond_stage_model.model": open_clip_shapes(1024)},
    "sdxl": {
        "conditioner.embedders.0.transformer.text_model": clip_shapes(768),
        "conditioner.embedders.1.model": open_clip_shapes(1280, 32),
    },
    "sdxl-refiner": {"conditioner.embedders.0.model": open_clip_shapes(1280, 32)},
}


def real(family: str) -> dict[str, Shape]:
    """The names and shapes of a real checkpoint, at their own widths."""
    parts = {
        "model.diffusion_model": UNETS[family].shapes(),
        "first_stage_model": autoencoder_shapes(128),
        **TEXTS[family],
    }
    return {f"{at}.{key}": shape for at, part in parts.items() for key, shape in part.items()}


@pytest.mark.parametrize(
    ("family", "part", "published"),
    [
        (
            "sd1",
            "unet",
            {
                "attention_head_dim": 8,
                "block_out_channels": [320, 640, 1280, 1280],
                "cross_attention_dim": 768,
                "layers_per_block": 2,
                "sample_size": 64,
                "use_linear_projection": False,
            },
        ),
        ("sd2", "unet", {"attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 1024}),
        (
            "sdxl",
            "unet",
            {
                "attention_head_dim": [5, 10, 20],
                "transformer_layers_per_block": [1, 2, 10],
                "addition_time_embed_dim": 256,
                "projection_class_embeddings_input_dim": 2816,
                "sample_size": 128,
                "down_block_types": [
                    "DownBlock2D",
                    "CrossAttnDownBlock2D",
                    "CrossAttnDownBlock2D",
                ],
            },
        ),
        (
            "sdxl-refiner",
            "unet",
            {
                "attention_head_dim": [6, 12, 24, 24],
                "transformer_layers_per_block": [1, 4, 4, 4],
                "addition_time_embed_dim": 256,
            },
        ),
        ("sdxl", "vae", {"block_out_channels": [128, 256, 512, 512], "scaling_factor": 0.13025}),
        ("sd1", "vae", {"layers_per_block": 2, "latent_channels": 4, "scaling_factor": 0.18215}),
        (
            "sd1",
            "text_encoder",
            {"num_attention_heads": 12, "num_hidden_layers": 12, "hidden_act": "quick_gelu"},
        ),
        (
            "sd2",
            "text_encoder",
            {"num_attention_heads": 16, "num_hidden_layers": 23, "hidden_act": "gelu"},
        ),
        (
            "sdxl",
            "text_encoder_2",
            {"num_attention_heads": 20, "num_hidden_layers": 32, "projection_dim": 1280},
        ),
    ],
)
def test_the_shapes_of_a_real_checkpoint_say_what_its_makers_published(
    family: str, part: str, published: dict[str, Any]
):
    found = compose(real(family))[f"{part}/config.json"]
    assert {key: found.get(key) for key in published} == published


def test_clips_vocabulary_is_what_its_merges_make():
    """OpenAI's order: bytes, bytes that end a word, what each merge makes, begin and end."""
    signs = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    signs += range(ord("®"), ord("ÿ") + 1)
    other = [256 + number for number in range(256 - len(signs))]
    letters = [chr(sign) for sign in [*signs, *other]]
    merges = (CLIP / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    words = [*letters, *(f"{each}</w>" for each in letters)]
    words += [merge.replace(" ", "") for merge in merges] + ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = json.loads((CLIP / "vocab.json").read_text(encoding="utf-8"))
    assert vocabulary == {word: number for number, word in enumerate(words)}
    assert len(vocabulary) == 49408
    # As OpenAI's own tokenizer reads it.
    assert [vocabulary[word] for word in ("a</w>", "photo</w>", "of</w>")] == [320, 1125, 539]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s | {"edm_mean": (1,)}, "trained with EDM's noise"),
        (
            lambda s: {key: shape for key, shape in s.items() if "middle_block.1" not in key},
            "its UNet was cut down",
        ),
        (
            lambda s: {key: shape for key, shape in s.items() if "conditioner" not in key},
            "its text encoders are of no family",
        ),
    ],
)
def test_what_cannot_be_read_by_itself_says_why(change: Any, sentence: str):
    with pytest.raises(SourceError, match=sentence):
        compose(change(real("sdxl")))


def test_a_controlnet_of_sdxl_is_told_what_its_unet_is_told():
    config = controlnet_config(UNETS["sdxl"].controlnet())
    assert config["projection_class_embeddings_input_dim"] == 2816
    assert config["conditioning_embedding_out_channels"] == [16, 32, 96, 256]
    assert config["transformer_layers_per_block"] == [1, 2, 10]


def claims_of(file: Path, shapes: dict[str, torch.Tensor], **metadata: str) -> Claims:
    save_file(shapes, file, metadata=metadata)
    return read_claims(file, read_header(file))


def test_a_file_says_its_prediction_by_keys_metadata_or_weights(tmp_path: Path):
    none = torch.zeros(0)
    said = claims_of(tmp_path / "a.safetensors", {"v_pred": none, "ztsnr": none})
    assert (said.prediction, said.zero_snr) == ("v_prediction", True)
    told = {"modelspec.prediction_type": "epsilon", "modelspec.resolution": "768x512"}
    said = claims_of(tmp_path / "b.safetensors", {"a": none}, **told)
    assert (said.prediction, said.zero_snr) == ("epsilon", None)
    assert (said.width, said.height) == (768, 512)
    for spread, prediction in ((0.2, "v_prediction"), (0.02, None)):
        weights = {
            "model.diffusion_model.input_blocks.0.0.weight": torch.zeros(4, 4, 3, 3),
            "cond_stage_model.model.positional_embedding": torch.zeros(77, 4),
            LAST_NORM: (torch.randn(320) * spread).bfloat16(),
        }
        file = tmp_path / f"{spread}.safetensors"
        assert claims_of(file, weights).prediction == prediction


@pytest.mark.parametrize(
    ("stem", "how", "steps"),
    [
        ("sd_xl_turbo_1.0_fp16", "turbo", 4),
        ("dreamshaperXL_v21TurboDPMSDE", "turbo", 4),
        ("sdxl_lightning_8step", "lightning", 8),
        ("RealVisXL_V4.0_Lightning", "lightning", 4),
        ("Hyper-SDXL-1step", "hyper", 1),
        ("sdxl-dmd2", "dmd", 4),
        ("LCM_Dreamshaper_v7_4k", "lcm", 4),
        ("hyperrealism_v3", None, 0),
        ("turbovision", None, 0),
        ("filmcm", None, 0),
    ],
)
def test_a_distilled_model_is_told_by_its_name_last(
    tmp_path: Path, stem: str, how: str | None, steps: int
):
    found = claims_of(tmp_path / f"{stem}.safetensors", {"a": torch.zeros(1)}).distilled
    assert (found.how if found else None, found.steps if found else 0) == (how, steps)
    titled = claims_of(
        tmp_path / f"{stem}.safetensors",
        {"a": torch.zeros(1)},
        **{"modelspec.title": "X LCM 6 steps"},
    ).distilled
    assert titled
    assert (titled.how, titled.steps, titled.by_name) == ("lcm", 6, False)


def test_a_lora_says_what_it_was_trained_with(tmp_path: Path):
    tags = json.dumps({"10_cat": {"cat": 12, "1girl": 40}, "5_dog": {"cat": 30}})
    said = claims_of(
        tmp_path / "a.safetensors",
        {"a": torch.zeros(1)},
        ss_tag_frequency=tags,
        ss_base_model_version="sdxl_base_v1-0",
    )
    assert said.triggers == ["cat", "1girl"]
    assert said.base == "sdxl_base_v1-0"


@pytest.mark.parametrize(
    ("config", "sampler", "schedule"),
    [
        ({"_class_name": "PNDMScheduler"}, "pndm", "automatic"),
        ({"_class_name": "EulerDiscreteScheduler"}, "euler", "automatic"),
        ({"_class_name": "EulerDiscreteScheduler", "use_karras_sigmas": True}, "euler", "karras"),
        ({"_class_name": "DPMSolverMultistepScheduler"}, "dpmpp_2m", "uniform"),
        (
            {
                "_class_name": "DPMSolverMultistepScheduler",
                "algorithm_type": "sde-dpmsolver++",
                "use_karras_sigmas": True,
            },
            "dpmpp_2m_sde",
            "karras",
        ),
        ({"_class_name": "DPMSolverSinglestepScheduler"}, "dpmpp_2s_a", "uniform"),
        (
            {"_class_name": "EulerAncestralDiscreteScheduler", "use_karras_sigmas": True},
            "euler_a",
            "automatic",
        ),
    ],
)
def test_a_scheduler_config_means_a_sampler_and_a_schedule(
    config: dict[str, Any], sampler: str, schedule: str
):
    assert sampler_of(config) == {"sampler": sampler, "schedule": schedule}


def test_models_toml_says_more_than_the_file(write_models: WriteModels, tmp_path: Path):
    file = checkpoints.sd1(more={"v_pred": (0,), "ztsnr": (0,)}).save(tmp_path / "m.safetensors")
    own, other = (
        write_models(m={"source": str(file), **keys})["m"]
        for keys in ({}, {"prediction": "epsilon", "zero_snr": False, "sampler": "heun"})
    )
    assert (locate(own).claims.prediction, locate(other).claims.prediction) == (
        "v_prediction",
        "epsilon",
    )
    noise = scheduler_config({"timestep_spacing": "leading"}, locate(other).claims)
    assert (noise["rescale_betas_zero_snr"], noise["timestep_spacing"]) == (False, "leading")
    assert (card(own).sampler, card(other).sampler) == ("pndm", "heun")


@pytest.mark.parametrize("variant", ["fp16", "bf16"])
def test_a_folder_that_has_one_variant_only_is_taken(
    write_models: WriteModels, families: dict[str, Path], tmp_path: Path, variant: str
):
    folder = tmp_path / "model"
    folder.mkdir()
    for file in families["sdxl"].rglob("*"):
        to = folder / file.relative_to(families["sdxl"])
        if file.is_dir():
            to.mkdir(exist_ok=True)
        elif file.suffix == ".safetensors":
            to.with_name(f"{file.stem}.{variant}.safetensors").symlink_to(file)
        else:
            to.symlink_to(file)
    files = locate(write_models(m={"source": str(folder)})["m"])
    assert files.variant == variant
    assert len(files.weights()) == 4


FLUX_NET: Shapes = {
    "x_embedder.weight": (3072, 64),
    "controlnet_x_embedder.weight": (3072, 64),
    "context_embedder.weight": (3072, 4096),
    "time_text_embed.text_embedder.linear_1.weight": (3072, 768),
    "time_text_embed.guidance_embedder.linear_1.weight": (3072, 256),
    "controlnet_mode_embedder.weight": (10, 3072),
    **{f"transformer_blocks.{n}.attn.norm_q.weight": (128,) for n in range(5)},
    **{f"single_transformer_blocks.{n}.attn.norm_q.weight": (128,) for n in range(10)},
}


def test_a_controlnet_for_flux_says_all_that_diffusers_is_told():
    config = steering_config(FLUX_NET)
    assert config is not None
    # As the makers of a union of several modes wrote it themselves.
    own = {"num_layers": 5, "num_single_layers": 10, "num_mode": 10, "guidance_embeds": True}
    own |= {"attention_head_dim": 128, "num_attention_heads": 24, "axes_dims_rope": [16, 56, 56]}
    own |= {"joint_attention_dim": 4096, "pooled_projection_dim": 768, "in_channels": 64}
    assert own.items() <= config.items()


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (FLUX_NET | {"controlnet_x_embedder.weight": (3072, 68)}, "shown 4 channels beside"),
        ({"controlnet_blocks.0.linear.weight": (3072, 3072)}, "MistoLine's"),
        (
            {"pos_embed_input.weight": (3072, 64), "controlnet_blocks_for_single.0.weight": (1,)},
            "steers the single blocks too",
        ),
    ],
)
def test_relatives_that_no_class_of_diffusers_runs_are_refused_by_name(shapes: Shapes, said: str):
    with pytest.raises(SourceError, match=said):
        steering_config(shapes)
