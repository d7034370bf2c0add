"""Pipelines that run whole: what their cards say without torch, held against the pipelines."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers.pipelines.auto_pipeline import (
    AUTO_IMAGE2IMAGE_PIPELINES_MAPPING,
    AUTO_INPAINT_PIPELINES_MAPPING,
    AUTO_TEXT2IMAGE_PIPELINES_MAPPING,
)
from safetensors.torch import load_file, save_file

from tests.models.helpers import WriteModels, edit_json
from tests.tiny.pipelines.pipelines import save_tiny_edm, save_tiny_flux, save_tiny_pixart
from worker.engine import ImageRequest, InvalidRequest, ModelUnavailable
from worker.engine.whole.pipeline import WholeModel
from worker.models.files.cards import card, cards
from worker.models.files.sources import locate
from worker.models.files.whole_pipelines import (
    BATCHED_ONLY,
    EDITS,
    FROM_PICTURES,
    IMAGE_GUIDED,
    IMAGE_TO_IMAGE,
    INPAINT,
    PIPELINES,
    PipelineDefaults,
)
from worker.models.loading.loader import load_model
from worker.models.loading.memory.sizes import model_bytes, needed_bytes

CPU = torch.device("cpu")
# Pictures of more than a prompt, and of films.
NOT_OFFERED = ("control", "helios")


def told_by(pipeline: Any) -> PipelineDefaults:
    """What a pipeline's own call says."""
    parameters = inspect.signature(pipeline.__call__).parameters
    told = {name: parameter.default for name, parameter in parameters.items()}
    scales = ("guidance_scale", "true_cfg_scale", "prior_guidance_scale")
    scale = next((told[name] for name in scales if told.get(name)), 7.5)
    return PipelineDefaults(
        told["num_inference_steps"], scale, told.get("max_sequence_length") or 77
    )


def test_every_pipeline_that_diffusers_makes_pictures_from_text_with_has_its_own_defaults():
    theirs = {
        pipeline.__name__: told_by(pipeline)
        for key, pipeline in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.items()
        if not any(each in key for each in NOT_OFFERED)
    }
    assert theirs == PIPELINES


def test_pipelines_that_only_the_engine_runs_have_their_own_defaults_too():
    assert {name: told_by(getattr(diffusers, name)) for name in BATCHED_ONLY} == BATCHED_ONLY
    assert not BATCHED_ONLY.keys() & PIPELINES.keys()


@pytest.mark.parametrize(
    ("known", "auto"),
    [
        (IMAGE_TO_IMAGE, AUTO_IMAGE2IMAGE_PIPELINES_MAPPING),
        (INPAINT, AUTO_INPAINT_PIPELINES_MAPPING),
    ],
)
def test_every_pipeline_that_diffusers_draws_over_a_picture_with_is_known(
    known: frozenset[str], auto: dict[str, Any]
):
    theirs = {
        AUTO_TEXT2IMAGE_PIPELINES_MAPPING[key].__name__
        for key, pipeline in auto.items()
        if key in AUTO_TEXT2IMAGE_PIPELINES_MAPPING
        and "strength" in inspect.signature(pipeline.__call__).parameters
    }
    assert theirs & PIPELINES.keys() == known


def test_every_pipeline_that_edits_takes_a_prompt_and_a_picture_and_no_strength():
    calls = {name: getattr(diffusers, name).__call__ for name in EDITS}
    takes = {name: inspect.signature(call).parameters for name, call in calls.items()}
    for name, parameters in takes.items():
        assert {"prompt", "image"} <= set(parameters), name
        assert "strength" not in parameters, name
    assert {name for name in takes if "image_guidance_scale" in takes[name]} == IMAGE_GUIDED
    theirs = {name: told_by(getattr(diffusers, name)) for name in FROM_PICTURES}
    assert theirs == FROM_PICTURES


@pytest.mark.parametrize("save", [save_tiny_pixart])
def test_a_card_has_the_sizes_that_the_loaded_pipeline_takes(
    write_models: WriteModels, tmp_path: Path, save: Callable[[Path], Path]
):
    entry = write_models(m={"source": str(save(tmp_path / "whole"))})["m"]
    known, model = card(entry), load_model(entry, CPU)
    assert isinstance(model, WholeModel)
    assert (known.factor, known.window) == (model.factor, model.window)
    request = ImageRequest("m", "", "", known.width, known.height, known.steps, 5.0, 0, "default")
    model.check(request)
    with pytest.raises(InvalidRequest, match=rf"is not a multiple of {known.factor};"):
        model.check(ImageRequest("m", "", "", known.width + 1, known.height, 1, 5.0, 0, "default"))


@pytest.mark.parametrize(
    ("save", "family"),
    [(save_tiny_edm, "StableDiffusionXLPipeline"), (save_tiny_pixart, "PixArtAlphaPipeline")],
)
def test_other_families_load_whole_and_count_all_their_parts(
    write_models: WriteModels, tmp_path: Path, save: Callable[[Path], Path], family: str
):
    entry = write_models(m={"source": str(save(tmp_path / "whole"))})["m"]
    told: list[float] = []
    model = load_model(entry, CPU, told.append)
    assert isinstance(model, WholeModel)
    assert (model.family, card(entry).family, card(entry).batched) == (family, family, False)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, 1)
    files = locate(entry)
    # Buffers, and weights that two names share, are the difference.
    assert model_bytes(model) == pytest.approx(4 * files.parameters(), rel=0.1)
    assert 0 < files.largest() < files.parameters() == needed_bytes(entry, CPU) / 4


def test_a_pipeline_starts_with_its_own_steps_and_guidance_and_models_toml_overrides_them(
    write_models: WriteModels, tmp_path: Path
):
    source = str(save_tiny_flux(tmp_path / "flux"))
    catalogue = write_models(own={"source": source}, chosen={"source": source, "steps": 9})
    own, chosen = card(catalogue["own"]), card(catalogue["chosen"])
    assert (own.steps, own.guidance_scale, own.window) == (28, 3.5, 512)
    assert (chosen.steps, chosen.guidance_scale) == (9, 3.5)


def test_a_flux_that_is_told_no_guidance_starts_with_four_steps(
    write_models: WriteModels, tmp_path: Path
):
    folder = save_tiny_flux(tmp_path / "schnell")
    edit_json(folder / "transformer" / "config.json", guidance_embeds=False)
    known = card(write_models(m={"source": str(folder)})["m"])
    assert (known.steps, known.guidance_scale) == (4, 1.0)


def test_a_pipeline_that_makes_no_pictures_from_text_is_not_offered(
    write_models: WriteModels, tmp_path: Path
):
    folder = save_tiny_flux(tmp_path / "film")
    edit_json(folder / "model_index.json", _class_name="WanPipeline")
    offered, problems = cards(write_models(m={"source": str(folder)}))
    assert not offered
    assert problems[0].startswith("model: m is a WanPipeline, which is no pipeline that makes")


@pytest.mark.parametrize(
    ("part", "weight"),
    [
        ("transformer", "proj_out.weight"),
        ("text_encoder_2", "encoder.block.0.layer.0.SelfAttention.q.weight"),
    ],
)
def test_weights_that_a_transformer_lacks_are_not_made_up(
    write_models: WriteModels, tmp_path: Path, part: str, weight: str
):
    folder = save_tiny_flux(tmp_path / "flux")
    (file,) = (folder / part).glob("*.safetensors")
    weights = load_file(file)
    del weights[weight]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelUnavailable, match=rf"{part} lacks 1 of its weights, such as {weight}"):
        load_model(write_models(m={"source": str(folder)})["m"], CPU)
