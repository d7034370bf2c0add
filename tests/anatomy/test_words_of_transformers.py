"""Where words are looked at in transformers that read them beside the picture, and what lies
between two prompts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.engine.helpers import Shelf, pictures
from tests.pretended.models import load, request, save
from worker.engine import Engine, InvalidRequest, TraceWish

FAMILIES = ("flux2", "flux2-klein", "hidream")

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("family", FAMILIES)
def test_each_word_has_its_map_on_the_places_of_the_picture(family: str, tmp_path: Path):
    save(family, tmp_path / family)
    model = load(family, tmp_path / family, "float32", "cpu")
    asked = replace(request(family), prompt="a red apple", trace=TraceWish())
    wide = replace(asked, width=asked.width // 2)
    done = pictures(Engine(Shelf(model)), square=asked, wide=wide)
    for name, each in done.items():
        assert each.error is None, (name, each.error)
        assert each.trace is not None
        assert list(each.trace.words) == ["a", "red", "apple"]
        for step in each.trace.steps:
            assert step.attention is not None
            assert step.attention.shape == (3, *step.tensors["x"].shape[-2:])
            assert 0 < float(step.attention.sum(0).max()) < 1


@pytest.mark.parametrize("family", ["flux2", "flux2-klein"])
def test_a_map_is_of_the_tokens_of_its_word(family: str, tmp_path: Path):
    """A language model reads from left to right: up to the word that is another one, the
    embeddings of two prompts are equal."""
    save(family, tmp_path / family)
    model = load(family, tmp_path / family, "float32", "cpu")
    prompts = ("a red apple", "a red cat")
    read = [model.read(replace(request(family), prompt=each)) for each in prompts]
    one, other = (each.inputs["encoder_hidden_states"].prompt[0] for each in read)
    assert read[0].tokens == read[1].tokens
    differs = (one - other).abs().amax(-1) > 1e-6
    first = int(torch.nonzero(differs)[0])
    [spelling] = model.spell(prompts[0])
    assert first in spelling.places()[2]


def test_between_two_prompts_lies_the_straight_line_or_a_reason(tmp_path: Path):
    save("flux2", tmp_path / "model")
    model = load("flux2", tmp_path / "model", "float32", "cpu")
    asked = request("flux2")
    ends = [model.read(replace(asked, prompt=each)) for each in ("red apple", "blue boat")]
    middle = ends[0].towards(ends[1], 0.5).inputs["encoder_hidden_states"].prompt
    one, other = (each.inputs["encoder_hidden_states"].prompt for each in ends)
    assert torch.allclose(middle, (one + other) / 2)
    longer = replace(
        ends[1],
        inputs={
            name: replace(pair, prompt=torch.cat([pair.prompt, pair.prompt], 1))
            for name, pair in ends[1].inputs.items()
        },
    )
    with pytest.raises(InvalidRequest, match="about equally long"):
        ends[0].towards(longer, 0.5)
