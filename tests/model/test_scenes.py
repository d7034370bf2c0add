"""Composed pictures, and captions that say what they show."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from models.recipe import autoencoder, captions
from models.recipe.evaluation.judge import parts_of
from models.recipe.scenes import bank, colours, things, wording
from models.recipe.scenes.scene import KINDS, Director, Scene, held_out
from models.recipe.scenes.studio import Studio
from tests.model.composed import art, pictures

KNOWN = {
    "ball": {"vietnamese": ["quả bóng"], "any_colour": True, "common": True},
    "box": {"english": ["crate"], "vietnamese": ["cái hộp"], "common": True},
    "tower": {"vietnamese": ["tháp"]},
    "plank": {"alone": True},
}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(things, "read_names", lambda: KNOWN)


@pytest.fixture
def cast() -> list[things.Thing]:
    return things.read_things(pictures())


def studio(cast: list[things.Thing], free: bool = False) -> Studio:
    return Studio(pictures().art, cast, 128, free)


@pytest.mark.parametrize("colour", sorted(set(colours.COLOURS) - {"white"}))
def test_what_is_painted_has_the_colour_of_the_word(colour: str):
    painted = colours.paint(art("ball", "#3377dd"), colour)
    assert colours.own_colour(painted) == colour


def test_paint_keeps_shading_and_what_has_no_colour():
    shaded = art("box", "#3377dd").copy()
    shaded[20:40, 20:100, :3] = (20, 60, 120)
    painted = colours.paint(shaded, "red").astype(int)
    assert painted[30, 50, 0] < painted[90, 50, 0]  # darker stays darker
    assert painted[64, 64, :3].max() < 40  # the black line
    assert (painted[..., 3] == shaded[..., 3]).all()


def test_grey_art_is_painted_all_over():
    assert colours.own_colour(colours.paint(art("ball", "#999999"), "blue")) == "blue"


@pytest.mark.parametrize("number", [2, 3, 4])
@pytest.mark.parametrize("free", [False, True])
def test_a_number_shows_as_many_separate_things(cast: list[things.Thing], number: int, free: bool):
    scene = Scene("number", ((0, None),), number=number)
    for seed in range(5):
        shown = studio(cast, free).picture(scene, random.Random(seed))
        assert len(parts_of(shown)) == number


def test_a_pair_stands_beside_or_above_in_its_order(cast: list[things.Thing]):
    parts = ((0, "red"), (1, "blue"))
    beside = studio(cast).picture(Scene("pair", parts, "beside"), random.Random(0))
    above = studio(cast).picture(Scene("pair", parts, "above"), random.Random(0))
    for one, two in ((beside[:, :64], beside[:, 64:]), (above[:64], above[64:])):
        assert [own(one), own(two)] == ["red", "blue"]


def own(pixels: np.ndarray) -> str | None:
    shown = np.concatenate([pixels, 255 * (pixels.min(-1, keepdims=True) < 225)], -1)
    return colours.own_colour(shown.astype(np.uint8))


def test_the_director_keeps_what_is_held_out_from_training(cast: list[things.Thing]):
    director, rng = Director(cast, free=False), random.Random(0)
    for kind in KINDS:
        for _ in range(100):
            scene = director.scene(kind, rng)
            assert scene is not None
            labels = [cast[index].label for index, _ in scene.parts]
            assert "plank" not in labels
            if kind == "pair":
                assert not held_out("pair", *labels)
            if kind == "number":
                assert not held_out("number", labels[0], str(scene.number))
            for label, (_, colour) in zip(labels, scene.parts, strict=True):
                assert colour is None or not held_out("colour", label, colour)


def test_one_thing_alone_makes_no_pair(cast: list[things.Thing]):
    director = Director(cast[:1], free=False)
    assert director.scene("pair", random.Random(0)) is None
    assert director.scene("number", random.Random(0)) is not None


def test_a_tenth_of_the_combinations_is_held_out_and_always_the_same():
    every = [held_out("colour", f"thing {number}", "red") for number in range(2000)]
    assert sum(every) / len(every) == pytest.approx(0.1, abs=0.02)
    assert held_out("pair", "cat", "dog") == held_out("pair", "dog", "cat")


def said(scene: Scene, cast: list[things.Thing], vietnamese: float = 0.0) -> list[str]:
    rng = random.Random(1)
    return [wording.caption(scene, cast, rng, vietnamese).lower() for _ in range(400)]


def test_captions_of_a_painted_thing_name_the_colour_or_leave_it_open(cast: list[things.Thing]):
    texts = said(Scene("colour", ((1, "blue"),)), cast)
    assert "blue box" in texts
    assert "blue crate" in texts
    assert not any(colour in text.split() for text in texts for colour in ("red", "green"))
    assert any(
        "ball" in text and "blue" not in text
        for text in said(Scene("colour", ((0, "blue"),)), cast)
    )


def test_captions_of_a_number_say_it_in_words_and_figures(cast: list[things.Thing]):
    texts = said(Scene("number", ((1, None),), number=3), cast)
    assert "three boxes" in texts
    assert any(text.startswith("3 ") for text in texts)
    assert not any(text.startswith(("two", "four", "a pair")) for text in texts)


def test_captions_of_a_pair_say_where_things_are(cast: list[things.Thing]):
    texts = said(Scene("pair", ((0, None), (1, "red")), "above"), cast)
    assert any("above" in text and text.index("ball") < text.index("red") for text in texts)
    assert any("under" in text and text.index("ball") > text.index("red") for text in texts)


def test_a_tenth_of_the_captions_is_empty_and_a_few_mean_nothing(cast: list[things.Thing]):
    texts = said(Scene("single", ((2, None),)), cast)
    assert texts.count("") / len(texts) == pytest.approx(captions.EMPTY_SHARE, abs=0.04)


def test_vietnamese_captions_come_with_and_without_marks(cast: list[things.Thing]):
    texts = said(Scene("colour", ((0, "red"),)), cast, vietnamese=1.0)
    assert any("bóng" in text and "đỏ" in text for text in texts)
    assert any("bong" in text and "do" in text for text in texts)
    assert not any("ball" in text for text in texts)


def test_held_out_sentences_are_never_drawn(cast: list[things.Thing]):
    texts = said(Scene("single", ((2, None),)), cast)
    for frame in wording.HELD_OUT_FRAMES:
        rare = frame.split("{a}")[0].strip() or frame.split("{a}")[1].strip()
        assert not any(rare.lower() in text for text in texts)


def test_a_slip_changes_one_place_inside_a_word():
    rng = random.Random(0)
    for _ in range(100):
        typed = wording.slip("elephant", rng)
        assert (typed[0], typed[-1]) == ("e", "t")
        assert abs(len(typed) - len("elephant")) <= 1


def test_a_bank_holds_every_kind_with_its_share(cast: list[things.Thing], tmp_path: Path):
    mix = bank.Mix(pictures=(4, 6, 5, 3), shares=(0.1, 0.3, 0.2, 0.1), captions=3)
    vae = autoencoder.build((8, 8, 8, 8), 128)
    tokenizer = captions.train_tokenizer(pictures().emoji)
    made = bank.build(pictures(), vae, tokenizer, mix, seed=0, say=lambda _: None)
    assert made.latents.shape == (4 + 6 + 5 + 3 + 5, 4, 16, 16)
    assert made.tokens.shape == (23, 3, captions.WINDOW)
    for kind, share in enumerate((*mix.shares, mix.plain)):
        assert made.weights[made.kinds == kind].sum() == pytest.approx(share, abs=1e-4)
    made.save(tmp_path / "bank.pt")
    again = bank.Bank.load(tmp_path / "bank.pt")
    assert torch.equal(again.tokens, made.tokens)
    assert torch.allclose(again.latents, made.latents, atol=1e-2)
