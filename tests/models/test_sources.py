import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.models.helpers import (
    REPOSITORY,
    WriteModels,
    copy_model,
    edit_json,
    fill_hub_cache,
)
from worker.models.catalogue import read_catalogue
from worker.models.pull import list_models
from worker.models.shape import card, cards, read_shape
from worker.models.sources import SourceError, locate


@pytest.fixture
def broken(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, for a test to break."""
    return copy_model(tiny_folder, tmp_path / "broken")


def refusal(write_models: WriteModels, **table: object) -> str:
    entry = write_models(m=table)["m"]
    with pytest.raises(SourceError) as raised:
        read_shape("m", locate(entry))
    return str(raised.value)


def test_a_folder_with_pickled_weights_only_is_refused(write_models: WriteModels, broken: Path):
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    sentence = refusal(write_models, source=str(broken))
    assert "unet has pickled weights only" in sentence
    assert "Darkroom loads .safetensors only" in sentence


@pytest.mark.parametrize("suffix", [".ckpt", ".bin", ".pt", ".pth", ".pkl"])
def test_a_pickle_is_refused_unopened(write_models: WriteModels, suffix: str):
    sentence = refusal(write_models, source=f"model{suffix}")
    assert f"model{suffix} is a pickle, which can run any code" in sentence


def test_a_pickle_that_calls_itself_safetensors_is_refused(
    write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    file = tmp_path / "model.safetensors"
    file.write_bytes(pickle.dumps({"model.diffusion_model.a": 1}))
    sentence = refusal(write_models, source=str(file), config=str(tiny_folder))
    assert "is not a safetensors file" in sentence


def test_a_file_with_part_of_a_model_is_refused(
    write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    file = tmp_path / "lora.safetensors"
    save_file({"lora_unet_down.weight": torch.zeros(1)}, file)
    sentence = refusal(write_models, source=str(file), config=str(tiny_folder))
    assert "is not a whole Stable Diffusion checkpoint" in sentence


def test_an_sdxl_file_is_refused_by_its_class(
    write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    file = tmp_path / "xl.safetensors"
    save_file(
        {
            "model.diffusion_model.a": torch.zeros(1),
            "first_stage_model.a": torch.zeros(1),
            "conditioner.embedders.0.a": torch.zeros(1),
        },
        file,
    )
    sentence = refusal(write_models, source=str(file), config=str(tiny_folder))
    assert "is a StableDiffusionXLPipeline, not supported yet" in sentence


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"_class_name": "FluxPipeline", "unet": None},
            "is a FluxPipeline whose unet is missing; Darkroom runs those with a UNet2DCondition",
        ),
        ({"vae": ["diffusers", "AsymmetricAutoencoderKL"]}, "vae is AsymmetricAutoencoderKL"),
        (
            {
                "_class_name": "StableDiffusionXLPipeline",
                "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
            },
            "is a StableDiffusionXLPipeline, which is not supported yet",
        ),
    ],
)
def test_another_family_is_refused_by_its_class(
    write_models: WriteModels, broken: Path, fields: dict[str, object], sentence: str
):
    edit_json(broken / "model_index.json", **fields)
    assert sentence in refusal(write_models, source=str(broken))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"in_channels": 9}, "takes 9 channels, not the 4 of its latents"),
        ({"time_cond_proj_dim": 256}, "wants more than a prompt (time_cond_proj_dim is 256)"),
        ({"addition_embed_type": "text_time"}, "(addition_embed_type is text_time)"),
    ],
)
def test_a_unet_that_wants_more_than_a_prompt_is_refused(
    write_models: WriteModels, broken: Path, fields: dict[str, object], sentence: str
):
    edit_json(broken / "unet" / "config.json", **fields)
    assert sentence in refusal(write_models, source=str(broken))


def test_a_model_that_predicts_something_else_is_refused(write_models: WriteModels, broken: Path):
    edit_json(broken / "scheduler" / "scheduler_config.json", prediction_type="flow_prediction")
    sentence = refusal(write_models, source=str(broken))
    assert "predicts flow_prediction; Darkroom runs epsilon and v_prediction" in sentence


def test_a_configuration_that_lacks_a_key_is_refused_with_the_key(
    write_models: WriteModels, broken: Path
):
    (broken / "vae" / "config.json").write_text("{}")
    sentence = refusal(write_models, source=str(broken))
    assert "has a configuration that Darkroom cannot read: KeyError('latent_channels')" in sentence


def test_a_folder_in_no_known_layout_is_named(write_models: WriteModels, tmp_path: Path):
    sentence = refusal(write_models, source=str(tmp_path))
    assert f"{tmp_path} has no model_index.json" in sentence


def test_a_missing_folder_is_named(write_models: WriteModels, tmp_path: Path):
    sentence = refusal(write_models, source="./none")
    assert sentence == f"models.m.source: there is no folder {tmp_path / 'none'}."


def test_a_missing_file_is_named(write_models: WriteModels, tmp_path: Path):
    sentence = refusal(write_models, source="none.safetensors", config="a/b")
    assert sentence == f"models.m.source: there is no file {tmp_path / 'none.safetensors'}."


@pytest.mark.usefixtures("hub_cache")
def test_a_hub_id_that_was_never_pulled_says_how_to_pull_it(write_models: WriteModels):
    sentence = refusal(write_models, source="someone/something", revision="v2")
    assert "someone/something at revision v2 is not on this machine" in sentence
    assert "`darkroom models pull m`" in sentence


def test_a_hub_id_is_found_at_its_revision_only(
    write_models: WriteModels, tiny_folder: Path, hub_cache: Path
):
    snapshot = fill_hub_cache(hub_cache, "someone/tiny", tiny_folder, revision="v1")
    catalogue = write_models(
        old={"source": "someone/tiny", "revision": "v1"}, new={"source": "someone/tiny"}
    )
    assert locate(catalogue["old"]).config == snapshot
    with pytest.raises(SourceError, match="someone/tiny is not on this machine"):
        locate(catalogue["new"])


def test_a_variant_takes_its_own_weights_and_leaves_the_others(
    write_models: WriteModels, broken: Path
):
    for weights in list(broken.rglob("*.safetensors")):
        weights.with_suffix(".fp16.safetensors").write_bytes(weights.read_bytes())
    catalogue = write_models(
        half={"source": str(broken), "variant": "fp16"}, full={"source": str(broken)}
    )
    half, full = locate(catalogue["half"]), locate(catalogue["full"])
    assert all(".fp16." in file.name for file in half.weights())
    assert not any(".fp16." in file.name for file in full.weights())
    assert len(half.weights()) == len(full.weights()) == 3
    assert half.parameters() == full.parameters()


def test_cards_leave_out_what_is_not_there_and_say_so(write_models: WriteModels, tiny_folder: Path):
    catalogue = write_models(tiny={"source": str(tiny_folder)}, gone={"source": "./gone"})
    usable, problems = cards(catalogue)
    assert [(model.name, model.default) for model in usable] == [("tiny", True)]
    assert len(problems) == 1
    assert "models.gone.source: there is no folder" in problems[0]


def test_a_card_has_the_sizes_of_the_model(write_models: WriteModels, tiny_folder: Path):
    entry = write_models(tiny={"source": str(tiny_folder), "title": "Tiny"})["tiny"]
    known = card(entry)
    assert (known.width, known.height, known.factor, known.window) == (16, 16, 2, 10)
    assert (known.title, known.family, known.kinds) == ("Tiny", "sd1", ["text-to-image"])
    assert "dpmpp_2m_karras" in known.samplers


def test_the_list_of_models_says_which_can_be_used(
    write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    write_models(tiny={"source": str(tiny_folder)}, gone={"source": "./gone"})
    lines = list_models(tmp_path / "models.toml").splitlines()
    assert lines[1].split() == ["tiny", "*", "16x16", "50", str(tiny_folder), "ready"]
    assert lines[2].split() == ["gone", "50", "./gone", "missing"]
    assert "there is no folder" in lines[-1]


def test_listing_and_pulling_need_no_torch():
    code = "import sys, worker.models.pull; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, timeout=60)


def test_the_shipped_model_has_the_bytes_its_headers_say():
    files = locate(read_catalogue(REPOSITORY / "models.toml")["emoji"])
    assert 2 * files.parameters() == pytest.approx(
        sum(file.stat().st_size for file in files.weights()), rel=0.01
    )
