"""The measures of the evaluation, on pictures composed here: right ones pass, wrong ones fail."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.recipe import autoencoder
from models.recipe.evaluation import composed, held_out, judge
from models.recipe.evaluation.held_out import Question
from models.recipe.scenes import colours
from models.recipe.scenes.scene import Scene
from models.recipe.scenes.studio import Studio
from models.recipe.scenes.things import Thing
from tests.model.composed import SHAPES, art, pictures


def thing(index: int, label: str, style: str = "3d") -> Thing:
    return Thing(
        index, label, style, (label,), (label,), (), 3.0, "objects", True, True, False, None
    )


THINGS = [thing(at, label) for at, label in enumerate(SHAPES)]
STUDIO = Studio(pictures().art, THINGS, 128, free=False)


@pytest.fixture(scope="module")
def seen() -> judge.Judge:
    torch.manual_seed(0)
    vae = autoencoder.build((8, 8, 8, 8), 128).eval()  # untrained: even its latents tell shapes
    return judge.Judge.learn(vae, pictures().pixels, THINGS)


def shown(scene: Scene) -> torch.Tensor:
    picture = STUDIO.picture(scene, random.Random(0))
    return torch.tensor(picture).permute(2, 0, 1)[None]


def colour(index: int, word: str) -> Scene:
    return Scene("colour", ((index, word),))


def number(index: int, many: int) -> Scene:
    return Scene("number", ((index, None),), number=many)


def pair(first: int, second: int) -> Scene:
    return Scene("pair", ((first, None), (second, None)), "beside")


def asked(scene: Scene) -> list[Question]:
    return [Question("", scene, tuple(THINGS[index] for index, _ in scene.parts))]


NEAREST = 1
"""With four shapes everything is among the five nearest, so here only the nearest counts."""


@pytest.fixture(autouse=True)
def only_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "NEAR", NEAREST)


@pytest.mark.parametrize(
    ("drawn", "wanted", "figures"),
    [
        (colour(2, "blue"), colour(2, "blue"), (1, 1, 1)),
        (colour(2, "green"), colour(2, "blue"), (0, 1, 0)),
        (colour(3, "blue"), colour(2, "blue"), (1, 0, 0)),  # the colour alone earns nothing
    ],
)
def test_a_colour_counts_where_the_thing_is_right(
    seen: judge.Judge, drawn: Scene, wanted: Scene, figures: tuple[int, int, int]
):
    found = composed.colours(seen, shown(drawn), asked(wanted))
    names = ("colour", "colour_thing_top5", "thing_and_colour")
    assert tuple(found[name] for name in names) == figures


@pytest.mark.parametrize(
    ("drawn", "wanted", "figures"),
    [
        (number(2, 3), number(2, 3), (1, 1, 1)),
        (number(2, 4), number(2, 3), (0, 1, 0)),
        (number(3, 3), number(2, 3), (1, 0, 0)),
    ],
)
def test_a_number_counts_where_the_thing_is_right(
    seen: judge.Judge, drawn: Scene, wanted: Scene, figures: tuple[int, int, int]
):
    found = composed.numbers(seen, shown(drawn), asked(wanted))
    names = ("number", "number_thing", "thing_and_number")
    assert tuple(found[name] for name in names) == figures


@pytest.mark.parametrize(
    ("drawn", "wanted", "both", "one"),
    [
        (pair(0, 2), pair(0, 2), 1, 1),
        (pair(2, 0), pair(0, 2), 1, 1),
        (pair(0, 3), pair(0, 2), 0, 1),
        (pair(3, 3), pair(0, 2), 0, 0),
        (colour(0, "red"), pair(1, 2), 0, 0),
    ],
)
def test_a_pair_counts_where_both_things_are_there(
    seen: judge.Judge, drawn: Scene, wanted: Scene, both: int, one: int
):
    found = composed.pairs(seen, shown(drawn), asked(wanted))
    assert (found["both_of_a_pair"], found["one_of_a_pair"]) == (both, one)


def test_the_same_picture_from_every_seed_counts_once(seen: judge.Judge):
    question = asked(Scene("single", ((2, None),)))[0]
    same = shown(question.scene).repeat(8, 1, 1, 1)
    assert composed.seeds(seen, same, question) == 1
    wrong = shown(Scene("single", ((3, None),))).repeat(8, 1, 1, 1)
    assert composed.seeds(seen, wrong, question) == 0
    moved = torch.cat([same[:1], same[:1].roll(40, dims=3)])
    assert composed.seeds(seen, moved, question) == 2


def test_parts_are_counted_and_specks_are_not():
    pixels = np.full((128, 128, 3), 255, np.uint8)
    pixels[10:50, 10:50] = 0
    pixels[60:100, 60:100] = 0
    pixels[110:113, 110:113] = 0
    assert len(judge.parts_of(pixels)) == 2


def test_a_blank_picture_shows_nothing(seen: judge.Judge):
    blank = torch.full((1, 3, 128, 128), 255, dtype=torch.uint8)
    assert composed.main_colour(judge.as_array(blank[0])) == "white"
    assert composed.numbers(seen, blank, asked(number(0, 2)))["thing_and_number"] == 0
    assert composed.pairs(seen, blank, asked(pair(2, 1)))["both_of_a_pair"] == 0


def test_in_grey_a_thing_is_itself_in_any_colour():
    for shape in SHAPES:
        blue, red = (
            judge.cut(judge.as_array(white(colours.paint(art(shape), word))), grey=True)
            for word in ("blue", "red")
        )
        assert np.abs(blue.astype(int) - red).mean() < 6


def white(picture: np.ndarray) -> torch.Tensor:
    shown = pictures()
    return replace(shown, art=torch.from_numpy(picture.copy())[None]).pixels[0]


def test_questions_are_what_training_never_saw():
    rng = random.Random(0)
    for question in held_out.colours(THINGS, 20, rng):
        ((index, word),) = question.scene.parts
        assert word is not None
        assert held_out.held_out("colour", THINGS[index].label, word)
        assert question.prompt == f"{word} {THINGS[index].label}"
    for question in held_out.typos(held_out.singles(THINGS, 4, rng), rng):
        assert question.prompt != question.things[0].label
