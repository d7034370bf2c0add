from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from safetensors.torch import load_file, save_file

from tests.models.helpers import REPOSITORY, WriteModels, copy_model, fill_hub_cache
from tests.models.original_layout import save_original_layout
from tests.tiny.models import FAMILIES, save_tiny, save_tiny_vae
from worker.engine.errors import ModelUnavailable
from worker.engine.families.unet import UNetModel
from worker.engine.preview import TinyPreview
from worker.models.catalogue import read_catalogue
from worker.models.files.sources import locate
from worker.models.loading.loader import load_model
from worker.models.loading.memory.sizes import model_bytes, model_dtype, needed_bytes
from worker.models.tables import ModelEntry

CPU = torch.device("cpu")


def parts_of(model: UNetModel) -> dict[str, Any]:
    texts = {f"text {number}": each.model for number, each in enumerate(model.text_encoders)}
    return {"unet": model.unet, "vae": model.vae} | texts


def outputs(model: UNetModel) -> list[torch.Tensor]:
    """What a model's text encoders and autoencoder make of the same input."""
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(1, 4, 8, 8, generator=generator).to(model.dtype)
    text: Any = model.reads.encode("a red apple", "")
    with torch.inference_mode():
        return [text.prompt, text.negative, model.vae.decode(latents).sample]


def assert_same(one: UNetModel, other: UNetModel) -> None:
    theirs = parts_of(other)
    for part, module in parts_of(one).items():
        ours, other_ones = module.state_dict(), theirs[part].state_dict()
        assert ours.keys() == other_ones.keys()
        for name, weight in ours.items():
            assert torch.equal(weight, other_ones[name]), (part, name)
    # Equal weights at another alignment in memory sum in another order.
    for our, their in zip(outputs(one), outputs(other), strict=True):
        torch.testing.assert_close(our, their, rtol=0, atol=1e-5)


def loaded(entry: ModelEntry, progress: Callable[[float], None] | None = None) -> UNetModel:
    model = load_model(entry, CPU, progress)
    assert isinstance(model, UNetModel)
    return model


@pytest.fixture
def tiny(write_models: WriteModels, tiny_folder: Path) -> UNetModel:
    return loaded(write_models(tiny={"source": str(tiny_folder)})["tiny"])


def test_the_shipped_model_loads():
    entry = read_catalogue(REPOSITORY / "models.toml")["emoji"]
    model = loaded(entry)
    assert (model.name, model.dtype, model.factor, model.window) == ("emoji", torch.float32, 8, 18)
    assert model_bytes(model) == pytest.approx(4 * locate(entry).parameters(), rel=0.01)
    assert model.scheduler_config["prediction_type"] == "epsilon"


def test_a_folder_loads_the_weights_that_diffusers_loads(tiny: UNetModel, tiny_folder: Path):
    theirs: Any = UNet2DConditionModel.from_pretrained(tiny_folder / "unet")
    expected = theirs.state_dict()
    for name, weight in tiny.unet.state_dict().items():
        assert torch.equal(weight, expected[name])


def test_a_text_encoder_with_the_older_names_of_its_weights_loads(
    tiny: UNetModel, write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    older = copy_model(tiny_folder, tmp_path / "older")
    file = older / "text_encoder" / "model.safetensors"
    weights = {f"text_model.{name}": weight for name, weight in load_file(file).items()}
    weights["text_model.embeddings.position_ids"] = torch.arange(12)[None]
    save_file(weights, file, metadata={"format": "pt"})
    assert_same(loaded(write_models(m={"source": str(older)})["m"]), tiny)


def test_missing_weights_are_not_made_up(
    write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    broken = copy_model(tiny_folder, tmp_path / "broken")
    file = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    del weights["conv_out.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelUnavailable, match=r"unet lacks 1 of its weights, such as conv_out"):
        loaded(write_models(m={"source": str(broken)})["m"])


def test_a_loaded_model_is_set_for_inference(tiny: UNetModel):
    for part in (tiny.unet, tiny.vae, tiny.text_encoders[0].model):
        assert not part.training
        assert not any(parameter.requires_grad for parameter in part.parameters())


def test_a_single_file_is_the_same_model_as_its_folder(
    tiny: UNetModel, write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    file = save_original_layout(tiny_folder, tmp_path / "style.safetensors")
    catalogue = write_models(style={"source": "style.safetensors", "config": str(tiny_folder)})
    assert_same(loaded(catalogue["style"]), tiny)
    assert locate(catalogue["style"]).weights() == [file]


def test_a_single_file_takes_its_configuration_from_a_pulled_hub_id(
    tiny: UNetModel,
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
    assert_same(loaded(catalogue["style"]), tiny)


def test_a_hub_id_loads_from_the_cache_without_a_network(
    tiny: UNetModel, write_models: WriteModels, tiny_folder: Path, hub_cache: Path
):
    fill_hub_cache(hub_cache, "someone/tiny", tiny_folder, revision="v1")
    catalogue = write_models(hub={"source": "someone/tiny", "revision": "v1"})
    assert_same(loaded(catalogue["hub"]), tiny)


def test_the_dtype_of_the_table_is_the_models(write_models: WriteModels, tiny_folder: Path):
    catalogue = write_models(tiny={"source": str(tiny_folder), "dtype": "bfloat16"})
    model = loaded(catalogue["tiny"])
    for part in (model.unet, model.vae, model.text_encoders[0].model):
        assert {parameter.dtype for parameter in part.parameters()} == {torch.bfloat16}


@pytest.mark.usefixtures("hub_cache")
def test_a_model_that_is_not_there_is_unavailable_with_what_to_do(write_models: WriteModels):
    catalogue = write_models(m={"source": "someone/something"})
    with pytest.raises(ModelUnavailable, match="`darkroom models pull m` fetches it"):
        loaded(catalogue["m"])


def test_cut_off_weights_are_unavailable_with_the_models_name(
    write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    broken = copy_model(tiny_folder, tmp_path / "broken")
    weights = broken / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelUnavailable, match=r"m does not load: .*vae.* is cut off: it has"):
        loaded(write_models(m={"source": str(broken)})["m"])


QUICK = ("sd1", "sdxl", "sd2-zero-snr")
"""By default; pictures of all of them are compared with diffusers' in tests/worker/families."""


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("families")
    return {family: save_tiny(family, root / family) for family in FAMILIES}


@pytest.mark.parametrize(
    "family",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in FAMILIES],
)
def test_every_family_loads_as_diffusers_loads_it(
    write_models: WriteModels, families: dict[str, Path], family: str
):
    folder = families[family]
    model = loaded(write_models(m={"source": str(folder)})["m"])
    theirs: Any = DiffusionPipeline.from_pretrained(folder)
    both = theirs.text_encoder, getattr(theirs, "text_encoder_2", None)
    texts = [text for text in both if text is not None]
    assert len(model.text_encoders) == len(texts)
    ours = parts_of(model)
    for part, their in zip(ours, (theirs.unet, theirs.vae, *texts), strict=True):
        loaded_ones = ours[part].state_dict()
        for name, weight in their.state_dict().items():
            assert torch.equal(loaded_ones[name], weight), (part, name)
    assert model.scheduler_config["_class_name"] == type(theirs.scheduler).__name__
    config = theirs.config
    assert model.zero_empty_negative == bool(config.get("force_zeros_for_empty_prompt"))
    assert model.aesthetic_score == bool(config.get("requires_aesthetics_score"))


def test_loads_at_once_do_not_spoil_each_other_nor_the_next(
    write_models: WriteModels, families: dict[str, Path]
):
    entry = write_models(m={"source": str(families["sd1"])})["m"]
    registers = torch.nn.Module.register_parameter
    try:
        with ThreadPoolExecutor(4) as pool:
            for model in pool.map(lambda _: loaded(entry), range(16)):
                assert not any(weight.is_meta for weight in model.unet.parameters())
        assert torch.nn.Module.register_parameter is registers
    finally:
        torch.nn.Module.register_parameter = registers


@pytest.mark.parametrize("family", ["sd1-inpainting", "sd2", "sdxl", "sdxl-inpainting"])
def test_a_single_file_of_each_family_is_the_same_model_as_its_folder(
    write_models: WriteModels, families: dict[str, Path], tmp_path: Path, family: str
):
    folder = str(families[family])
    save_original_layout(families[family], tmp_path / "one.safetensors")
    catalogue = write_models(
        one={"source": "one.safetensors", "config": folder}, many={"source": folder}
    )
    assert_same(loaded(catalogue["one"]), loaded(catalogue["many"]))


def test_a_refiners_single_file_is_the_same_model_as_its_folder(
    write_models: WriteModels, families: dict[str, Path], tmp_path: Path
):
    folder = str(families["sdxl-refiner"])
    save_original_layout(families["sdxl-refiner"], tmp_path / "one.safetensors")
    catalogue = write_models(
        one={"source": "one.safetensors", "config": folder}, many={"source": folder}
    )
    assert_same(loaded(catalogue["one"]), loaded(catalogue["many"]))


@pytest.mark.parametrize("part", ["model.diffusion_model.out.", "conditioner.embedders.1.model.ln"])
def test_what_a_single_file_lacks_is_not_made_up(
    write_models: WriteModels, families: dict[str, Path], tmp_path: Path, part: str
):
    file = save_original_layout(families["sdxl"], tmp_path / "one.safetensors")
    save_file({k: v for k, v in load_file(file).items() if not k.startswith(part)}, file)
    catalogue = write_models(m={"source": file.name, "config": str(families["sdxl"])})
    with pytest.raises(ModelUnavailable, match=r"one.safetensors lacks (\d|some) weights of the"):
        loaded(catalogue["m"])


@pytest.mark.parametrize("single", [False, True])
def test_progress_rises_from_nothing_to_all_with_several_stops(
    write_models: WriteModels, families: dict[str, Path], tmp_path: Path, single: bool
):
    folder = families["sdxl"]
    table: dict[str, object] = {"source": str(folder)}
    if single:
        save_original_layout(folder, tmp_path / "one.safetensors")
        table = {"source": "one.safetensors", "config": str(folder)}
    told: list[float] = []
    loaded(write_models(m=table)["m"], told.append)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, 1)
    assert len(told) >= (4 if single else 8)


def test_what_listens_to_the_progress_can_end_the_loading(
    write_models: WriteModels, families: dict[str, Path]
):
    def stop(fraction: float) -> None:
        if fraction > 0.3:
            raise RuntimeError("the worker is ending")

    with pytest.raises(ModelUnavailable, match="the worker is ending"):
        loaded(write_models(m={"source": str(families["sdxl"])})["m"], stop)


def test_a_tiny_autoencoder_makes_the_previews_and_counts(
    write_models: WriteModels, families: dict[str, Path], tmp_path: Path
):
    save_tiny_vae(tmp_path / "taesd")
    source = str(families["sd1"])
    catalogue = write_models(
        tiny={"source": source, "tiny_vae": "./taesd", "tiny_decode": True},
        plain={"source": source},
    )
    model, plain = loaded(catalogue["tiny"]), loaded(catalogue["plain"])
    assert isinstance(model.preview, TinyPreview)
    assert model.tiny_decode
    assert plain.tiny_vae is None
    assert model_bytes(model) > model_bytes(plain)


def test_a_tiny_autoencoder_that_is_not_there_is_named(
    write_models: WriteModels, families: dict[str, Path], tmp_path: Path
):
    catalogue = write_models(m={"source": str(families["sd1"]), "tiny_vae": "./none"})
    with pytest.raises(ModelUnavailable, match=r"models.m.tiny_vae: there is no folder .*none"):
        loaded(catalogue["m"])


def test_a_tiny_autoencoder_for_other_latents_is_refused(
    write_models: WriteModels, families: dict[str, Path], tmp_path: Path
):
    AutoencoderTiny(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
        latent_channels=16,
    ).save_pretrained(tmp_path / "taef1", safe_serialization=True)
    catalogue = write_models(m={"source": str(families["sd1"]), "tiny_vae": "./taef1"})
    with pytest.raises(ModelUnavailable, match="for latents of 16 channels; the model's have 4"):
        loaded(catalogue["m"])


def test_a_tiny_autoencoder_draws_the_pictures_only_where_it_is_asked_to(
    write_models: WriteModels, families: dict[str, Path], tmp_path: Path
):
    save_tiny_vae(tmp_path / "taesd")
    table = {"source": str(families["sd1"]), "tiny_vae": "./taesd"}
    catalogue = write_models(
        fast={**table, "tiny_decode": True}, fine=table, plain={"source": table["source"]}
    )
    latents = torch.randn(1, 4, 8, 6, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        fast, fine, plain = (
            loaded(catalogue[name]).autoencoder.decode(latents)
            for name in ("fast", "fine", "plain")
        )
    assert fast.shape == fine.shape == (16, 12, 3)
    assert not np.array_equal(fast, fine)
    assert np.array_equal(fine, plain)


@pytest.mark.parametrize(
    ("dtype", "device", "expected"),
    [
        ("auto", "cpu", torch.float32),
        ("auto", "cuda", torch.float16),
        ("bfloat16", "cuda", torch.bfloat16),
        ("float32", "cuda", torch.float32),
        ("float16", "cpu", torch.float16),
    ],
)
def test_the_number_format_follows_the_device_unless_it_is_named(
    write_models: WriteModels,
    tiny_folder: Path,
    dtype: str,
    device: str,
    expected: torch.dtype,
):
    entry = write_models(m={"source": str(tiny_folder), "dtype": dtype})["m"]
    assert model_dtype(entry, torch.device(device)) == expected


def test_without_a_gpu_nothing_is_offloaded(write_models: WriteModels, families: dict[str, Path]):
    catalogue = write_models(m={"source": str(families["sdxl"]), "offload": "always"})
    assert not loaded(catalogue["m"]).offload
    assert needed_bytes(catalogue["m"], CPU) == 4 * locate(catalogue["m"]).parameters()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_unet_alone_needs_room_when_the_rest_is_offloaded(
    write_models: WriteModels, families: dict[str, Path]
):
    entry = write_models(m={"source": str(families["sdxl"]), "offload": "always"})["m"]
    model = load_model(entry, torch.device("cuda"))
    assert isinstance(model, UNetModel)
    where = {name: part.device.type for name, part in parts_of(model).items()}
    assert where == {"unet": "cuda", "vae": "cpu", "text 0": "cpu", "text 1": "cpu"}
    parts = locate(entry).parts()
    largest = max(count for part, count in parts.items() if part != "unet")
    assert needed_bytes(entry, model.device) == 2 * (parts["unet"] + largest)
    # SDXL's autoencoder leaves the range of fp16.
    assert {each.dtype for each in model.vae.parameters()} == {torch.float32}
    assert {each.dtype for each in model.unet.parameters()} == {torch.float16}
