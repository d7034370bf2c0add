"""A model's table of words: what a prompt is read as, and what is left as it is written."""

import json
from pathlib import Path

import pytest

from jobs.request.words import Words, WordTable, distance

TABLE = WordTable(
    Words(
        names={
            "con mèo": "cat",
            "mèo": "cat",
            "quả táo": "red apple",
            "quả táo đỏ": "red apple",
            "quả bơ": "avocado",
            "con bò": "cow",
            "bò": "cow",
            "cam": "tangerine",
            "quả cam": "tangerine",
            "trái tim": "red heart",
            "tim": "red heart",
            "ma": "ghost",
            "xe hơi": "car",
        },
        colours={"đỏ": "red", "tím": "purple", "cam": "orange", "xanh lá": "green"},
        numbers={"hai": "two", "ba": "three"},
        joins={"và": "and", "ở trên": "above"},
        adjectives={"nhỏ": "small"},
        fillers=["màu", "vẽ", "một"],
        known=["a", "and", "do", "is", "the", "stare", "berries", "berry", "mouse"],
        targets=["cat", "apple", "banana", "elephant", "house", "horse", "rocket", "red"],
    )
)

KNOWN = "very nice letter picture on for saw yesterday shows love me see want draw drawing give"
PLAINLY = WordTable(
    TABLE.words.model_copy(
        update={"plainly": True, "known": [*TABLE.words.known, *KNOWN.split(), "please", "you"]}
    )
)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("con mèo", "cat"),
        ("Con Mèo", "cat"),
        ("quả táo đỏ", "red apple"),
        ("qua tao do", "red apple"),
        ("hai con mèo", "two cats"),
        ("2 con mèo", "2 cats"),
        ("con mèo màu tím", "purple cat"),
        ("con mèo màu tím AND quả táo đỏ :0.4", "purple cat AND red apple :0.4"),
        ("con meo mau tim", "purple cat"),
        ("vẽ một con mèo nhỏ", "small cat"),
        ("con mèo màu cam", "orange cat"),
        ("quả cam", "tangerine"),
        ("xe hơi xanh lá", "green car"),
        ("quả táo tím", "purple apple"),
        ("con mèo đỏ và quả bơ", "red cat and avocado"),
        ("con mèo ở trên xe hơi", "cat above car"),
        ("con mèo, flat", "cat, flat"),
        ("(con mèo:1.3), 3d", "(cat:1.3), 3d"),
    ],
)
def test_vietnamese_is_read_with_and_without_its_marks(typed: str, read: str):
    assert TABLE.read_as(typed) == read


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("bannana", "banana"),
        ("elefant", "elephant"),
        ("a red aple and a roket", "a red apple and a rocket"),
        ("ELEPHNAT", "elephant"),
    ],
)
def test_a_mistyped_word_is_read_as_the_known_word_next_to_it(typed: str, read: str):
    assert TABLE.read_as(typed) == read


@pytest.mark.parametrize(
    ("prompt", "strangers"),
    [
        ("red cats and an apple, (cat:1.3) <lora:xyzzy:1>", ["an"]),
        ("red cats AND a house BREAK 3d", []),
        ("a xyzzy horse's Xyzzy, cat-rocket", ["xyzzy"]),
        ("zwei Katzen, قطتان 42", ["zwei", "Katzen", "قطتان"]),
    ],
)
def test_words_that_a_model_does_not_know_are_told_once(prompt: str, strangers: list[str]):
    assert TABLE.strangers(prompt) == strangers


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("could you please draw a red apple for me", "a red apple"),
        ("I want to see a cat", "a cat"),
        ("I'd love a picture of a cat, 3d", "a cat, 3d"),
        ("draw me a rocket please", "a rocket"),
        ("give me a drawing that shows a horse", "a horse"),
        ("a very nice picture of a house", "a house"),
        ("a rocket that I saw yesterday", "a rocket"),
        ("show me a bannana", "a banana"),
    ],
)
def test_a_request_put_as_a_sentence_is_read_as_what_it_asks_for(typed: str, read: str):
    assert PLAINLY.read_as(typed) == read


@pytest.mark.parametrize(
    "prompt",
    [
        "a love letter",
        "love letter",
        "OK hand",
        "love hotel",
        "the picture",
        "please",
        "a red apple on the house",
        "a cat for a horse",
    ],
)
def test_a_thing_is_not_taken_for_a_way_of_asking(prompt: str):
    assert PLAINLY.read_as(prompt) == prompt


@pytest.mark.parametrize(
    "prompt",
    [
        "a red apple and the cat",
        "berries",  # a plural of what is known
        "mouse",  # known, though one letter from house
        "blorptastic",
        "do",
        "ma",  # a ghost, and half of many other words
        "con bo",  # a cow or, with other marks, nothing: two things have the bare name
        "con sư tử",  # not in this table
        "cet",  # too short to tell
        "",
        "  ",
        "12 !?",
    ],
)
def test_what_cannot_be_told_is_left_as_it_is_written(prompt: str):
    unclear = WordTable(
        TABLE.words.model_copy(update={"names": TABLE.words.names | {"con bọ": "bug"}})
    )
    assert unclear.read_as(prompt) == prompt


def test_what_is_read_is_read_as_itself():
    for prompt in ("con mèo màu tím", "bannana", "hai con mèo"):
        read = TABLE.read_as(prompt)
        assert TABLE.read_as(read.replace("purple", "red")) == read.replace("purple", "red")


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [("cat", "cat", 0), ("cat", "cta", 1), ("cat", "ct", 1), ("cat", "catt", 1), ("cat", "dog", 3)],
)
def test_slips_are_letters_lost_added_changed_or_swapped(one: str, other: str, slips: int):
    assert distance(one, other, 4) == slips
    assert distance(one, other, 1) == min(slips, 1)


def test_a_folder_without_a_table_or_with_a_broken_one_has_none(tmp_path: Path):
    assert WordTable.load(tmp_path) is None
    (tmp_path / "words.json").write_text("{")
    assert WordTable.load(tmp_path) is None
    (tmp_path / "words.json").write_text(json.dumps(TABLE.words.model_dump()))
    loaded = WordTable.load(tmp_path)
    assert loaded is not None
    assert loaded.read_as("con mèo") == "cat"
