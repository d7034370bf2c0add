"""Single files in the original layout: complete, and of the family of their configuration."""

import pickle
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.models.helpers import (
    WriteModels,
    refusal,
)
from tests.models.original_layout import save_original_layout
from worker.models.files.sources import locate


def test_a_pickle_that_calls_itself_safetensors_is_refused(
    write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    file = tmp_path / "model.safetensors"
    file.write_bytes(pickle.dumps({"model.diffusion_model.a": 1}))
    sentence = refusal(write_models, source=str(file), config=str(tiny_folder))
    assert "is a pickle that calls itself safetensors" in sentence


def test_a_file_with_part_of_a_model_is_refused(
    write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    file = tmp_path / "lora.safetensors"
    save_file({"lora_unet_down.weight": torch.zeros(1)}, file)
    sentence = refusal(write_models, source=str(file), config=str(tiny_folder))
    assert "is not a complete Stable Diffusion checkpoint" in sentence


def test_a_single_file_of_another_family_than_its_configuration_is_refused(
    write_models: WriteModels, tiny_folder: Path, families: dict[str, Path], tmp_path: Path
):
    def sentence(family: str) -> str:
        file = save_original_layout(families[family], tmp_path / f"{family}.safetensors")
        return refusal(write_models, source=str(file), config=str(tiny_folder))

    assert "of another family than its configuration in" in sentence("sdxl")
    assert sentence("sdxl").endswith("it has 2 text encoders, not 1.")
    assert sentence("sdxl-refiner").endswith("it has 48 numbers for each token of text, not 32.")
    assert sentence("sd1-inpainting").endswith("it has 9 input channels, not 4.")


def test_the_largest_part_is_counted_alike_in_a_folder_and_in_a_single_file(
    write_models: WriteModels, families: dict[str, Path], tmp_path: Path
):
    folder = str(families["sdxl"])
    file = save_original_layout(families["sdxl"], tmp_path / "one.safetensors")
    catalogue = write_models(one={"source": str(file), "config": folder}, many={"source": folder})
    one, many = locate(catalogue["one"]), locate(catalogue["many"])
    assert one.parameters() == many.parameters()
    assert one.largest() == many.largest() < one.parameters()
