"""The words that a training sees."""

import random

import pytest

from models.recipe import captions
from models.recipe.data import Emoji

APPLE = Emoji(
    label="red apple",
    tags=("apple", "fruit", "food"),
    vietnamese=("quả táo đỏ",),
    group="food",
    style="flat",
    weight=3.0,
)


def all_captions(emoji: Emoji, count: int = 500) -> set[str]:
    rng = random.Random(0)
    return {captions.caption(emoji, rng) for _ in range(count)}


def test_captions_vary_in_order_case_number_and_article():
    seen = all_captions(APPLE)
    assert {"red apple, flat", "RED APPLE, FLAT", "red apples, flat", "apple red, flat"} <= seen
    assert "a red apple, flat" in seen
    assert "flat red apple" in seen
    assert any("quả táo đỏ" in text for text in seen)


def test_every_caption_of_a_flat_picture_says_so():
    assert all("flat" in text.lower() for text in all_captions(APPLE))


def test_a_prompt_without_a_style_word_means_3d():
    glossy = Emoji(APPLE.label, APPLE.tags, APPLE.vietnamese, "food", "3d", 3.0)
    assert "red apple" in all_captions(glossy)


@pytest.mark.parametrize(
    ("one", "many"),
    [("fish", "fishes"), ("cherry", "cherries"), ("monkey", "monkeys"), ("bus", "buses")],
)
def test_plurals_follow_the_ending(one: str, many: str):
    assert captions.plural(one) == many


def test_labels_lose_their_punctuation():
    assert captions.clean("woman: red hair") == "woman red hair"
    assert captions.clean("hear-no-evil monkey") == "hear-no-evil monkey"


def test_the_tokenizer_reads_vietnamese_with_and_without_accents_alike():
    tokenizer = captions.train_tokenizer([APPLE])
    ids = captions.encode(tokenizer, ["Quả Táo Đỏ", "qua tao do", ""])
    assert ids.shape == (3, captions.WINDOW)
    assert ids[0].equal(ids[1])
    assert ids[2].tolist() == [2, 3] + [0] * (captions.WINDOW - 2)
    assert 1 not in ids  # no unknown token


def test_plurals_are_read_as_the_thing_unless_the_data_knows_the_word():
    glasses = Emoji("glasses", ("glass",), (), "objects", "flat", 1.0)
    berry = Emoji("ripe berry", (), (), "food", "flat", 1.0)
    read = captions.word_normalizer([APPLE, glasses, berry]).normalize_str
    assert read("Red APPLES") == "red apple"
    assert read("ripe berries") == "ripe berry"
    assert read("glasses") == "glasses"


def test_a_tenth_of_the_captions_is_empty():
    rng = random.Random(0)
    texts = [captions.caption_or_none(APPLE, rng) for _ in range(1000)]
    assert texts.count("") / 1000 == pytest.approx(captions.EMPTY_SHARE, abs=0.03)
