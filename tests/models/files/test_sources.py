"""Where a model lies, and what keeps it from being used from there."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from safetensors.torch import load_file, save_file

from tests.models.helpers import (
    REPOSITORY,
    WriteModels,
    copy_model,
    fill_hub_cache,
    refusal,
)
from tests.tiny.pipelines.pipelines import save_tiny_sd3
from worker.models.catalogue import read_catalogue
from worker.models.files.cards import cards
from worker.models.files.errors import SourceError
from worker.models.files.formats.gguf_file import problem_in
from worker.models.files.formats.safetensors_file import problem_of
from worker.models.files.sources import locate


@pytest.fixture
def broken(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, for a test to break."""
    return copy_model(tiny_folder, tmp_path / "broken")


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


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "text_encoder_2"])
def test_pickles_are_refused_in_every_part(
    write_models: WriteModels, families: dict[str, Path], tmp_path: Path, part: str
):
    folder = copy_model(families["sdxl"], tmp_path / "pickled")
    (weights,) = (folder / part).glob("*.safetensors")
    weights.rename(weights.with_suffix(".bin"))
    sentence = refusal(write_models, source=str(folder))
    assert f"{part} has pickled weights only, which can run any code" in sentence


def test_pickles_are_refused_in_a_pipeline_that_runs_whole(
    write_models: WriteModels, tmp_path: Path
):
    folder = save_tiny_sd3(tmp_path / "whole")
    (weights,) = (folder / "text_encoder_3").glob("*.safetensors")
    weights.rename(weights.with_suffix(".bin"))
    sentence = refusal(write_models, source=str(folder))
    assert "text_encoder_3 has pickled weights only" in sentence


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


def test_a_model_that_is_cut_off_is_not_offered_and_its_file_is_named(
    write_models: WriteModels, broken: Path
):
    file = broken / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    offered, problems = cards(write_models(m={"source": str(broken)}))
    assert not offered
    assert f"{file} is cut off: it has" in problems[0]


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_a_file_of_divided_weights_that_is_missing_is_named(
    write_models: WriteModels, broken: Path, variant: str | None
):
    pieces = save_in_pieces(broken, variant)
    table = {"source": str(broken)} | ({"variant": variant} if variant else {})
    assert len(locate(write_models(m=table)["m"]).weights()) == 4
    (broken / "unet" / pieces[1]).unlink()
    sentence = refusal(write_models, **table)
    assert sentence == f"models.m.source: {broken / 'unet'} lacks {pieces[1]}."


def save_in_pieces(folder: Path, variant: str | None) -> list[str]:
    """Saves the UNet again, as large ones are: in two files with an index beside them."""
    (whole,) = (folder / "unet").glob("*.safetensors")
    weights = list(load_file(whole).items())
    whole.unlink()
    dotted = f".{variant}" if variant else ""
    index: dict[str, str] = {}
    for number, part in enumerate((weights[:9], weights[9:]), start=1):
        name = f"diffusion_pytorch_model{dotted}-0000{number}-of-00002.safetensors"
        save_file(dict(part), folder / "unet" / name, metadata={"format": "pt"})
        index |= {key: name for key, _ in part}
    target = folder / "unet" / f"diffusion_pytorch_model.safetensors.index{dotted}.json"
    target.write_text(json.dumps({"metadata": {}, "weight_map": index}))
    if variant:
        for part in ("vae", "text_encoder"):
            for weight in (folder / part).glob("*.safetensors"):
                weight.rename(weight.with_suffix(f".{variant}.safetensors"))
    return list(dict.fromkeys(index.values()))


def test_listing_and_pulling_need_no_torch():
    code = "import sys, worker.models.manage.manage; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, timeout=60)


def test_the_shipped_model_has_the_bytes_its_headers_say():
    files = locate(read_catalogue(REPOSITORY / "models.toml")["emoji"])
    assert 2 * files.parameters() == pytest.approx(
        sum(file.stat().st_size for file in files.weights()), rel=0.01
    )


def test_a_file_whose_header_is_as_long_as_a_pickles_first_byte_is_no_pickle(tmp_path: Path):
    file = tmp_path / "model.safetensors"
    for length in range(1, 200):
        save_file({"a" * length: torch.zeros(1)}, file)
        if file.read_bytes()[0] == 0x80:
            break
    assert file.read_bytes()[0] == 0x80
    assert problem_of(file) is None


def test_a_gguf_file_that_is_none_or_is_cut_off_says_which(tmp_path: Path):
    file = tmp_path / "whole.gguf"
    writer = GGUFWriter(file, "flux")
    writer.add_tensor("double_blocks.0.img_attn.qkv.weight", np.ones((32, 64), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert problem_in(file) is None
    whole = file.read_bytes()
    for end in (100, len(whole) - 500):
        short = tmp_path / f"{end}.gguf"
        short.write_bytes(whole[:end])
        assert f"{short} is cut off or broken: it says" in str(problem_in(short))
    other = tmp_path / "other.gguf"
    other.write_bytes(b"a picture" * 20)
    assert f"{other} is no GGUF file" in str(problem_in(other))
