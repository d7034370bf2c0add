"""The safety hook with real classifiers of random weights, and in a real worker."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from transformers import CLIPConfig, ViTForImageClassification

from jobs.machine_settings import REPOSITORY
from tests.tiny.classifier import save_tiny_classifier
from tests.worker.conftest import start
from worker.build import safety_hook
from worker.loop.outcome.safety import Refused, Rule, SafetyHook, blurred
from worker.models.catalogue import CatalogueError, read_catalogue
from worker.models.files.errors import SourceError
from worker.models.loading.checker import load_checker
from worker.models.tables import SafetyEntry

__all__ = ["start"]


def picture(width: int = 64, height: int = 48) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViT of two labels, in transformers' layout."""
    return save_tiny_classifier(tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="module")
def concepts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stable Diffusion's checker with a tiny CLIP."""
    folder = tmp_path_factory.mktemp("concepts")
    torch.manual_seed(5)
    vision = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision |= {"intermediate_size": 16, "image_size": 224, "patch_size": 56, "projection_dim": 8}
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(vision_config=vision, projection_dim=8)
    )  # fmt: skip
    with torch.no_grad():
        for parameter in (checker.concept_embeds, checker.special_care_embeds):
            parameter.copy_(torch.randn_like(parameter))
        checker.concept_embeds_weights.fill_(0.5)
        checker.special_care_embeds_weights.fill_(0.5)
    checker.save_pretrained(folder)
    return folder


def entry(folder: Path, **fields: Any) -> SafetyEntry:
    return SafetyEntry(base=folder, source=str(folder), **fields)


def test_a_classifier_gives_what_transformers_gives(vit: Path):
    checker = load_checker(entry(vit, labels=["nsfw"]))
    scores = checker.scores(picture())
    model = ViTForImageClassification.from_pretrained(vit)
    small = Image.fromarray(picture()).resize((32, 32), Image.Resampling.BILINEAR)
    pixels = torch.tensor(np.asarray(small)).permute(2, 0, 1)[None] / 255 * 2 - 1
    with torch.no_grad():
        wanted = model(pixels).logits.softmax(-1)[0]
    assert list(scores) == ["normal", "nsfw"]
    assert torch.tensor(list(scores.values())).allclose(wanted, atol=1e-4)


def test_the_checker_of_stable_diffusion_decides_as_diffusers_does(concepts: Path):
    checker = load_checker(entry(concepts))
    own = StableDiffusionSafetyChecker.from_pretrained(concepts)
    decided = set()
    for seed in range(8):
        noise = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)
        some = (noise * np.linspace(0, 1, 64)[:, None, None] ** seed).astype(np.uint8)
        for limit in (0.2, 0.4, 0.6):
            own.concept_embeds_weights.data.fill_(limit)
            checker._model.concept_embeds_weights.data.fill_(limit)
            pixels = checker._processor(images=Image.fromarray(some), return_tensors="pt")
            _, [flagged] = own(pixels.pixel_values, [some.copy()])
            assert (checker.scores(some)["unsafe"] > 0) == flagged
            decided.add(flagged)
    assert decided == {True, False}


@pytest.mark.parametrize("action", ["mark", "blur", "refuse"])
def test_what_passes_the_threshold_is_acted_on_and_nothing_else(vit: Path, action: Any):
    checker = load_checker(entry(vit, labels=["nsfw"]))
    score = checker.scores(picture())["nsfw"]
    over = SafetyHook(checker, Rule(("nsfw",), score + 0.01, action))
    shown, found = over.check(picture())
    assert found is None
    assert np.array_equal(shown, picture())
    under = SafetyHook(checker, Rule(("nsfw",), score - 0.01, action))
    if action == "refuse":
        with pytest.raises(Refused, match=r"found 'nsfw' with a score of 0\."):
            under.check(picture())
        return
    shown, found = under.check(picture())
    assert found is not None
    assert (found.label, found.action) == ("nsfw", action)
    assert found.score == pytest.approx(score, abs=1e-4)
    assert np.array_equal(shown, picture()) == (action == "mark")


def test_a_score_that_is_no_number_lets_nothing_through():
    class Broken:
        labels = ("nsfw",)
        default_threshold = 0.5

        def scores(self, picture: Any) -> dict[str, float]:
            return {"nsfw": float("nan")}

    with pytest.raises(Refused):
        SafetyHook(Broken(), Rule(("nsfw",), 0.5, "refuse")).check(picture())


def test_a_blurred_picture_keeps_its_size_and_hides_its_detail():
    stripes = np.zeros((96, 128, 3), np.uint8)
    stripes[:, ::4] = 255
    made = blurred(stripes)
    assert made.shape == stripes.shape
    assert made.std() < stripes.std() / 20
    assert blurred(np.zeros((8, 1024, 3), np.uint8)).shape == (8, 1024, 3)


def test_weights_that_are_a_pickle_or_missing_are_refused(vit: Path, tmp_path: Path):
    (tmp_path / "config.json").write_text((vit / "config.json").read_text())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02")
    with pytest.raises(SourceError, match="has pickled weights only"):
        load_checker(entry(tmp_path, labels=["nsfw"]))
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x02pickle")
    with pytest.raises(SourceError, match=r"safety\.source"):
        load_checker(entry(tmp_path, labels=["nsfw"]))


@pytest.mark.parametrize(
    ("labels", "words"), [([], "name those"), (["gore"], "no label 'gore'; there are normal, nsfw")]
)
def test_labels_that_are_not_there_are_named(vit: Path, labels: list[str], words: str):
    with pytest.raises(SourceError, match=words):
        load_checker(entry(vit, labels=labels))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('source = "x"\naction = "delete"', "safety.action"),
        ("labels = []", "safety.source: is missing"),
        ('source = "x"\nthreshhold = 1.0', "did you mean threshold"),
    ],
)
def test_a_wrong_safety_table_is_named(tmp_path: Path, table: str, words: str):
    path = tmp_path / "models.toml"
    path.write_text(f'[models.a]\nsource = "a"\n[safety]\n{table}\n')
    with pytest.raises(CatalogueError, match=words):
        read_catalogue(path)


def models_toml(folder: Path, vit: Path, action: str, threshold: float) -> Path:
    path = folder / "models.toml"
    path.write_text(
        f'[models.emoji]\nsource = "{REPOSITORY / "models" / "emoji"}"\nsteps = 4\n'
        f'[safety]\nsource = "{vit}"\nlabels = ["nsfw"]\nthreshold = {threshold}\n'
        f'action = "{action}"\n'
    )
    return path


@pytest.mark.timeout(180)
def test_a_worker_refuses_what_the_classifier_finds(start: Any, vit: Path, tmp_path: Path):
    process, desk = start(models=models_toml(tmp_path, vit, "refuse", 0.0), log_prompts=True)
    record = desk.ended(desk.submit(count=3, prompt="a private pear"))
    assert record.status == "failed"
    assert record.error.code == "refused"
    assert "found 'nsfw'" in record.error.detail
    assert record.outputs == []
    # The worker is none the worse for it, and its log has the prompt only because it was asked to.
    assert desk.ended(desk.submit(prompt="cat face")).error.code == "refused"
    assert '"a private pear"' in process.log()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_worker_blurs_and_says_so(start: Any, vit: Path, tmp_path: Path):
    process, desk = start(models=models_toml(tmp_path, vit, "blur", 0.0))
    record = desk.ended(desk.submit(prompt="a private pear"))
    assert record.status == "succeeded", record.error
    assert record.outputs[0].safety.action == "blur"
    made = Image.open(io.BytesIO(desk.picture(record)))
    assert json.loads(made.text["darkroom"])["safety"]["label"] == "nsfw"
    edges = np.abs(np.diff(np.asarray(made.convert("L")).astype(int))).max()
    assert edges < 40, "a blurred picture has no edges"
    assert "private" not in process.log()


def test_a_worker_whose_classifier_does_not_load_does_not_start(vit: Path, tmp_path: Path):
    path = models_toml(tmp_path, tmp_path / "nowhere", "mark", 0.5)
    with pytest.raises(CatalogueError, match=r"safety\.source: there is no folder"):
        safety_hook(read_catalogue(path))
    path = models_toml(tmp_path, vit, "mark", 0.5)
    assert safety_hook(read_catalogue(path)) is not None
