"""The recipe from pictures to a model that stock diffusers loads, at a tiny size."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import (
    StableDiffusionPipeline,
)

from models.recipe import __main__ as recipe
from models.recipe import autoencoder, data, diffusion, evaluation, export, sampling
from models.recipe.settings import PRESETS
from tests.model.plain import prepare

# diffusers' DPM-Solver++ calls numpy on a tensor in a way that numpy 2 is about to end.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STEPS = 4


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared file of 16 plain pictures: hearts and things of two colours, in two styles."""
    return prepare(tmp_path_factory.mktemp("data") / "emoji.npz", ["3d", "flat"])


def train(prepared: Path, run: Path, output: Path, steps: int = STEPS, *more: str) -> int:
    flags = ["--preset", "tiny", "--device", "cpu", "--stages", "autoencoder,diffusion,export"]
    flags += ["--data", str(prepared), "--work", str(run), "--output", str(output)]
    return recipe.main([*flags, "--steps", str(steps), *more])


@pytest.fixture(scope="module")
def trained(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    assert train(prepared, folder / "run", folder / "model") == 0
    return folder / "model"


@pytest.mark.slow
def test_stock_diffusers_loads_and_runs_what_the_recipe_exports(trained: Path):
    pipeline = StableDiffusionPipeline.from_pretrained(trained, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("red heart", num_inference_steps=2).images[0]
    assert picture.size == (32, 32)


@pytest.mark.parametrize("options", [{}, {"dtype": torch.bfloat16}])
def test_an_export_loads_with_no_dtype_named_and_in_half(
    trained: Path, options: dict[str, torch.dtype]
):
    pipeline = StableDiffusionPipeline.from_pretrained(trained, **options)
    pipeline.set_progress_bar_config(disable=True)
    assert pipeline.unet.dtype == pipeline.text_encoder.dtype == options.get("dtype", torch.float32)
    assert pipeline("red heart", num_inference_steps=1).images[0].size == (32, 32)


def test_the_export_is_fp16_safetensors_and_names_no_machine(trained: Path):
    files = {path for path in trained.rglob("*") if path.is_file()}
    told = {path for path in files if path.parent.name == "training"}
    assert {path.suffix for path in told} == {".json", ".webp"}
    assert {path.suffix for path in files - told} == {".json", ".safetensors", ".png"}
    model = export.load(trained)
    assert model.diffusion.unet.dtype == torch.float32
    texts = "".join(path.read_text() for path in files if path.suffix == ".json")
    assert str(trained.parent) not in texts
    assert "_name_or_path" not in texts


def test_weights_are_cut_into_shards_that_load_as_they_were(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model = export.load(trained)
    monkeypatch.setattr(export, "SHARD", "200KB")  # a tiny model needs a tiny limit to be cut
    export.export(model, tmp_path / "cut")
    shards = list((tmp_path / "cut" / "unet").glob("*.safetensors"))
    assert len(shards) > 1
    again = export.load(tmp_path / "cut").diffusion.unet.state_dict()
    assert all(
        torch.equal(tensor, again[name])
        for name, tensor in model.diffusion.unet.state_dict().items()
    )


@pytest.mark.slow
def test_a_training_that_stopped_continues_to_the_bit(
    prepared: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real, calls = diffusion.loss, 0

    def loss_during_which_the_machine_shuts_down(*arguments):
        nonlocal calls
        calls += 1
        if calls == STEPS // 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(*arguments)

    monkeypatch.setattr(diffusion, "loss", loss_during_which_the_machine_shuts_down)
    assert train(prepared, tmp_path / "run", tmp_path / "model") == 1
    assert not (tmp_path / "model").exists()
    assert train(prepared, tmp_path / "run", tmp_path / "model") == 0
    assert calls == STEPS
    straight, resumed = (
        export.load(folder).diffusion.state_dict() for folder in (trained, tmp_path / "model")
    )
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in straight.items())


@pytest.mark.slow
def test_a_training_that_ended_goes_on_from_before_its_learning_rate_fell(
    prepared: Path, trained: Path, tmp_path: Path
):
    run = tmp_path / "run"
    assert train(prepared, run, tmp_path / "short", 10) == 0
    level = torch.load(run / "diffusion.level.ckpt", weights_only=True)
    assert level["step"] == 8  # of ten: the fall begins after seven tenths
    (run / "diffusion.level.ckpt").replace(run / "diffusion.ckpt")
    for part in ("unet", "text_encoder"):
        shutil.rmtree(run / part)
    assert train(prepared, run, tmp_path / "long", 12) == 0
    facts = json.loads((tmp_path / "long" / "training.json").read_text())
    assert facts["diffusion"]["steps"] == 12


@pytest.mark.slow
def test_two_processes_train_one_model(prepared: Path, tmp_path: Path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "models.recipe"]
    command += ["--preset", "tiny", "--device", "cpu"]
    command += ["--stages", "autoencoder,diffusion,export", "--steps", str(STEPS)]
    command += ["--data", str(prepared), "--work", str(tmp_path), "--output", str(tmp_path / "out")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command, env=environment, check=True, timeout=100)
    facts = json.loads((tmp_path / "out" / "training.json").read_text())
    assert facts["diffusion"]["steps"] == STEPS
    export.load(tmp_path / "out")


@pytest.mark.slow
def test_training_from_an_exported_model_keeps_its_encoder(
    prepared: Path, trained: Path, tmp_path: Path
):
    output = tmp_path / "model"
    assert train(prepared, tmp_path / "run", output, 2, "--init", str(trained)) == 0
    before, after = (export.load(folder).vae.state_dict() for folder in (trained, output))
    changed = {name.split(".")[0] for name in before if not before[name].equal(after[name])}
    assert changed == {"decoder", "post_quant_conv"}


@pytest.mark.slow
def test_the_critic_of_the_gpu_preset_trains(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    critical = dataclasses.replace(PRESETS["tiny"], adversarial=True)
    monkeypatch.setitem(PRESETS, "tiny", critical)
    assert train(prepared, tmp_path / "run", tmp_path / "model") == 0
    kept = torch.load(tmp_path / "run" / "autoencoder.ckpt", weights_only=True)
    assert kept["critic_optimizer"]["state"]


@pytest.mark.slow
def test_the_evaluation_fails_below_what_is_required(
    prepared: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    flags = ["--preset", "tiny", "--device", "cpu", "--stages", "evaluation"]
    flags += ["--data", str(prepared), "--work", str(tmp_path), "--output", str(trained)]
    assert recipe.main([*flags, "--require", "psnr_db=90"]) == 1
    assert "at least 90.0 is required" in capsys.readouterr().err
    figures = json.loads((trained / "evaluation.json").read_text())
    assert figures["prompts"] == 16
    assert 0 <= figures["top1"] <= figures["top5"] <= 1
    assert evaluation.shortfalls(figures, {"psnr_db": 1, "top5": 0}) == []


@pytest.mark.slow
def test_samplers_are_compared_on_the_same_questions(prepared: Path, trained: Path, tmp_path: Path):
    flags = ["--preset", "tiny", "--device", "cpu", "--stages", "samplers"]
    flags += ["--data", str(prepared), "--work", str(tmp_path), "--output", str(trained)]
    assert recipe.main(flags) == 0
    rows = json.loads((trained / "evaluation.json").read_text())["samplers"]
    assert {row["sampler"] for row in rows} == set(sampling.SAMPLERS)
    means = [row["mean"] for row in rows]
    assert means == sorted(means, reverse=True)
    assert len(rows) == len(sampling.SAMPLERS) + 2, "the best one at two other scales"


@pytest.mark.parametrize("sampler", sampling.SAMPLERS)
def test_each_sampler_walks_to_a_picture_without_noise(trained: Path, sampler: str):
    model = export.load(trained)
    drawn = sampling.generate(model, ["red apple"] * 2, steps=4, sampler=sampler)
    assert drawn.isfinite().all()
    assert drawn.equal(sampling.generate(model, ["red apple"] * 2, steps=4, sampler=sampler))
    assert not drawn[0].equal(drawn[1])


def test_a_picture_counts_as_named_when_its_own_is_nearest(prepared: Path, trained: Path):
    model, pictures = export.load(trained), data.load(prepared)
    known = autoencoder.encode(model.vae, pictures.pixels)
    decoded = autoencoder.decode(model.vae, known)
    known = autoencoder.encode(model.vae, decoded)  # what a perfect drawing would be seen as
    everything = list(range(len(pictures.emoji)))
    drawn = autoencoder.encode(model.vae, pictures.pixels)
    assert set(evaluation.ranks(model, pictures, known, everything, drawn)) == {0}


def test_foreground_colour_ignores_the_white_around():
    pixels = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    pixels[0, :, 8:16, 8:16] = torch.tensor([0, 255, 0], dtype=torch.uint8).view(3, 1, 1)
    assert evaluation.foreground(pixels)[0].tolist() == pytest.approx([0, 1, 0])
    assert evaluation.white_border(pixels) == 1
    assert evaluation.white_border(pixels - 60) == 0
