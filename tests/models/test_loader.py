from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from tests.models.helpers import REPOSITORY, WriteModels, copy_model, fill_hub_cache
from tests.models.original_layout import save_original_layout
from worker.engine.errors import ModelUnavailable
from worker.engine.model import LoadedModel
from worker.models.catalogue import read_catalogue
from worker.models.loader import load_model, model_bytes
from worker.models.sources import locate

CPU = torch.device("cpu")


def outputs(model: LoadedModel) -> list[torch.Tensor]:
    """What each of a model's parts makes of the same input."""
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(1, 4, 8, 8, generator=generator).to(model.dtype)
    text: Any = model.prompts.encode("a red apple", "")
    with torch.inference_mode():
        noise = model.unet(latents, torch.tensor([500.0]), text.prompt).sample
        picture = model.vae.decode(latents).sample
    return [text.prompt, text.negative, noise, picture]


def assert_same(one: LoadedModel, other: LoadedModel) -> None:
    for part in ("unet", "vae", "text_encoder"):
        theirs = getattr(other, part).state_dict()
        for name, weight in getattr(one, part).state_dict().items():
            assert torch.equal(weight, theirs[name]), name
    # Equal weights at another alignment in memory sum in another order.
    for our, their in zip(outputs(one), outputs(other), strict=True):
        torch.testing.assert_close(our, their, rtol=0, atol=1e-5)


@pytest.fixture
def tiny(write_models: WriteModels, tiny_folder: Path) -> LoadedModel:
    return load_model(write_models(tiny={"source": str(tiny_folder)})["tiny"], CPU)


def test_the_shipped_model_loads():
    entry = read_catalogue(REPOSITORY / "models.toml")["emoji"]
    model = load_model(entry, CPU)
    assert (model.name, model.dtype, model.factor, model.window) == ("emoji", torch.float32, 8, 18)
    assert model_bytes(model) == pytest.approx(4 * locate(entry).parameters(), rel=0.01)
    assert model.scheduler_config["prediction_type"] == "epsilon"


def test_a_folder_loads_the_weights_that_diffusers_loads(tiny: LoadedModel, tiny_folder: Path):
    theirs: Any = UNet2DConditionModel.from_pretrained(tiny_folder / "unet")
    for name, weight in tiny.unet.state_dict().items():
        assert torch.equal(weight, theirs.state_dict()[name])


def test_a_text_encoder_with_the_older_names_of_its_weights_loads(
    tiny: LoadedModel, write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    older = copy_model(tiny_folder, tmp_path / "older")
    file = older / "text_encoder" / "model.safetensors"
    weights = {f"text_model.{name}": weight for name, weight in load_file(file).items()}
    weights["text_model.embeddings.position_ids"] = torch.arange(12)[None]
    save_file(weights, file, metadata={"format": "pt"})
    assert_same(load_model(write_models(m={"source": str(older)})["m"], CPU), tiny)


def test_missing_weights_are_not_made_up(
    write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    broken = copy_model(tiny_folder, tmp_path / "broken")
    file = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    del weights["conv_out.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelUnavailable, match=r"unet lacks 1 of its weights, such as conv_out"):
        load_model(write_models(m={"source": str(broken)})["m"], CPU)


def test_a_loaded_model_is_set_for_inference(tiny: LoadedModel):
    for part in (tiny.unet, tiny.vae, tiny.text_encoder):
        assert not part.training
        assert not any(parameter.requires_grad for parameter in part.parameters())


def test_a_single_file_is_the_same_model_as_its_folder(
    tiny: LoadedModel, write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    file = save_original_layout(tiny_folder, tmp_path / "style.safetensors")
    catalogue = write_models(style={"source": "style.safetensors", "config": str(tiny_folder)})
    assert_same(load_model(catalogue["style"], CPU), tiny)
    assert locate(catalogue["style"]).weights() == [file]


def test_a_single_file_takes_its_configuration_from_a_pulled_hub_id(
    tiny: LoadedModel,
    write_models: WriteModels,
    tiny_folder: Path,
    tmp_path: Path,
    hub_cache: Path,
):
    save_original_layout(tiny_folder, tmp_path / "style.safetensors")
    snapshot = fill_hub_cache(hub_cache, "someone/tiny", tiny_folder)
    for weights in snapshot.rglob("*.safetensors"):
        weights.unlink()
    catalogue = write_models(style={"source": "style.safetensors", "config": "someone/tiny"})
    assert_same(load_model(catalogue["style"], CPU), tiny)


def test_a_hub_id_loads_from_the_cache_without_a_network(
    tiny: LoadedModel, write_models: WriteModels, tiny_folder: Path, hub_cache: Path
):
    fill_hub_cache(hub_cache, "someone/tiny", tiny_folder, revision="v1")
    catalogue = write_models(hub={"source": "someone/tiny", "revision": "v1"})
    assert_same(load_model(catalogue["hub"], CPU), tiny)


def test_the_dtype_of_the_table_is_the_models(write_models: WriteModels, tiny_folder: Path):
    catalogue = write_models(tiny={"source": str(tiny_folder), "dtype": "bfloat16"})
    model = load_model(catalogue["tiny"], CPU)
    for part in (model.unet, model.vae, model.text_encoder):
        assert {parameter.dtype for parameter in part.parameters()} == {torch.bfloat16}


@pytest.mark.usefixtures("hub_cache")
def test_a_model_that_is_not_there_is_unavailable_with_what_to_do(write_models: WriteModels):
    catalogue = write_models(m={"source": "someone/something"})
    with pytest.raises(ModelUnavailable, match="`darkroom models pull m` fetches it"):
        load_model(catalogue["m"], CPU)


def test_cut_off_weights_are_unavailable_with_the_models_name(
    write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    broken = copy_model(tiny_folder, tmp_path / "broken")
    weights = broken / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelUnavailable, match="model: m does not load: "):
        load_model(write_models(m={"source": str(broken)})["m"], CPU)
