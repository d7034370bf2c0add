"""The worked example of adding a family in docs/architecture.md is what the code does."""

from __future__ import annotations

import ast
import re

import pytest

from tests.running.paths import REPOSITORY
from worker.engine.families.flux.flux import Flux
from worker.engine.families.flux.flux2 import Flux2
from worker.engine.families.lumina2 import Lumina2
from worker.engine.families.model import LoadedModel
from worker.engine.families.pixart import PixArtSigma
from worker.engine.families.sana import Sana
from worker.engine.families.transformer import TransformerModel
from worker.engine.families.unet import UNetModel

FAMILIES = REPOSITORY / "worker" / "engine" / "families"

SECTION = (
    (REPOSITORY / "docs" / "architecture.md")
    .read_text(encoding="utf-8")
    .split("### Adding a family")[1]
    .split("\n### ")[0]
)

SAID_BY_ALL = {"__init__", "window", "readers"}
"""What every family says in its own way."""

VERBS = {
    ("inputs", "SDXL"): UNetModel,
    ("cfg_scale", "Flux"): TransformerModel,
    ("course", "Sana"): Sana,
    ("sampler", "PixArt"): PixArtSigma,
    ("noise", "Flux.2"): Flux2,
    ("steering", "Flux"): Flux,
    ("shown_size", "Kontext"): Flux,
}
"""The verbs that the page names, with the families that it names for them."""


def methods(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The methods of the one class Lumina2 of a source."""
    [family] = [
        each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == "Lumina2"
    ]
    return {each.name: each for each in family.body if isinstance(each, ast.FunctionDef)}


def body(method: ast.FunctionDef) -> list[str]:
    """What a method does, without its docstring."""
    described = ast.get_docstring(method) is not None
    return [ast.dump(each) for each in method.body[described:]]


def test_the_family_that_is_shown_has_these_methods_and_they_do_this():
    [shown] = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    told = methods(ast.parse(shown))
    real = methods(ast.parse((FAMILIES / "lumina2.py").read_text(encoding="utf-8")))
    public = {name for name in real if not name.startswith("_")}
    assert told.keys() == public - SAID_BY_ALL
    for name, method in told.items():
        assert ast.dump(method.args) == ast.dump(real[name].args), name
        if not isinstance(method.body[-1], ast.Expr):
            assert body(method) == body(real[name]), name


@pytest.mark.parametrize(("verb", "named"), VERBS)
def test_the_verbs_that_are_named_are_there_and_said_by_the_families_named(verb: str, named: str):
    family = VERBS[verb, named]
    assert re.search(rf"`{verb}`[^`]*\({re.escape(named)}\)", SECTION), verb
    assert hasattr(LoadedModel, verb) or hasattr(TransformerModel, verb)
    assert verb in vars(family)


def test_the_places_that_are_named_know_the_family():
    assert issubclass(Lumina2, TransformerModel)
    for file in re.findall(r"`((?:worker|tests)/[\w/]+\.py|families/\w+\.py)`", SECTION):
        home = FAMILIES.parent if file.startswith("families/") else REPOSITORY
        assert (home / file).is_file(), file
    for file in ("known.py", "../../models/files/transformers.py"):
        assert '"lumina2"' in (FAMILIES / file).read_text(encoding="utf-8")
    for file in ("tests/tiny/pipelines/pipelines.py", "tests/worker/families/comparing/stock.py"):
        assert '"lumina2"' in (REPOSITORY / file).read_text(encoding="utf-8")
