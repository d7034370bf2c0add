"""AUTOMATIC1111's prompt syntax."""

import time

import pytest

from worker.engine.prompt.text.syntax import MAX_WEIGHT, parse_attention
from worker.engine.prompt.text.windows import Tokens, cut

COMMA = 0


def parsed(prompt: str) -> list[list[tuple[str, float]]]:
    """The sections with their weights rounded, as the order of multiplication is nobody's."""
    return [[(text, round(weight, 9)) for text, weight in each] for each in parse_attention(prompt)]


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        # The examples of its parse_prompt_attention.
        ("normal text", [("normal text", 1.0)]),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        (r"\(literal\]", [("(literal]", 1.0)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [
                ("a ", 1.0),
                ("house", 1.573),
                (" ", 1.1),
                ("on", 1.0),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641),
                (".", 1.1),
            ],
        ),
        # The rules one by one.
        ("((x))", [("x", 1.21)]),
        ("[x]", [("x", round(1 / 1.1, 9))]),
        ("[[x]", [("x", round(1 / 1.1**2, 9))]),
        ("(x:1.3)", [("x", 1.3)]),
        ("(x: 1.3 )", [("x", 1.3)]),
        ("(x:.5)", [("x", 0.5)]),
        ("(x:-1)", [("x", -1.0)]),
        ("(x:+2)", [("x", 2.0)]),
        ("(x:0)", [("x", 0.0)]),
        ("((a b:1.2) c:2)", [("a b", 2.4), (" c", 2.0)]),
        ("(a [b] c:2)", [("a ", 2.0), ("b", round(2 / 1.1, 9)), (" c", 2.0)]),
        ("(a [b) c]", [("a ", 1.1), ("b", 1.0), (" c", round(1 / 1.1, 9))]),
        (r"(a \(b\):1.5)", [("a (b)", 1.5)]),
        (r"\\(a)", [("\\", 1.0), ("a", 1.1)]),
        (r"a\b", [("ab", 1.0)]),
        ("a) b] c:1.3)", [("a) b] c:1.3)", 1.0)]),
        ("[a:b:0.5]", [("a:b:0.5", round(1 / 1.1, 9))]),
        ("at 10:30, (a:b:1.2)", [("at 10:30, ", 1.0), ("a:b", 1.2)]),
        ("(a:)", [("a:", 1.1)]),
        ("()", []),
        ("", []),
        # Where its own code raises.
        ("(a:1.2.3)", [("a:1.2.3", 1.1)]),
        ("(a:.)", [("a:.", 1.1)]),
    ],
)
def test_texts_weigh_what_they_weigh_in_automatic1111(prompt, texts):
    assert parsed(prompt) == [texts]


@pytest.mark.parametrize(
    ("prompt", "sections"),
    [
        ("a cat BREAK a dog", [["a cat"], ["a dog"]]),
        ("BREAK", [[], []]),
        ("a BREAK\nBREAK b", [["a"], [], ["b"]]),
        ("a BREAKFAST break", [["a BREAKFAST break"]]),
        ("a, BREAK, b", [["a,"], [", b"]]),
    ],
)
def test_break_ends_a_section(prompt, sections):
    assert [[text for text, _ in section] for section in parse_attention(prompt)] == sections


def test_a_break_inside_brackets_breaks_and_the_weight_goes_on():
    assert parsed("(a BREAK b:1.3) c") == [[("a", 1.3)], [("b", 1.3), (" c", 1.0)]]


@pytest.mark.parametrize(
    ("prompt", "weight"),
    [
        ("(" * 10_000 + "x", MAX_WEIGHT),
        ("[" * 10_000 + "x", 0.0),
        ("(x:" + "9" * 5000 + ")", MAX_WEIGHT),
        ("(x:-1000)", -MAX_WEIGHT),
        ("(" * 9_999 + "(x:0)", 0.0),
    ],
)
def test_a_weight_stays_within_its_limit_however_deep_the_brackets(prompt, weight):
    assert parse_attention(prompt) == [[("x", pytest.approx(weight))]]


@pytest.mark.parametrize(
    "unit",
    [
        *("(", "[a", "(a:1.1)", "BREAK "),
        *(
            pytest.param(unit, marks=pytest.mark.slow)
            for unit in (")", "[", "(a", "(a)", "\\", ":", ":1", " ", "((a:2)")
        ),
    ],
)
def test_a_hostile_prompt_is_read_in_time_that_grows_with_its_length_alone(unit):
    started = time.perf_counter()
    parse_attention(unit * 50_000)
    # Quadratic work would take minutes.
    assert time.perf_counter() - started < 5


def cut_words(words: str, size: int) -> list[list[int]]:
    """Windows of a text of numbers, where a comma is the token 0."""
    tokens = [int(word) for word in words.replace(",", f" {COMMA} ").split()]
    return [list(window.ids) for window in cut([Tokens(tokens)], size, COMMA)]


def test_a_phrase_that_the_end_of_a_window_would_cut_moves_to_the_next():
    # AUTOMATIC1111 looks back 20 tokens of 75.
    words = [1] * 57
    near = [*words, COMMA, *[2] * 30]
    assert [window.ids for window in cut([Tokens(near)], 75, COMMA)] == [
        (*words, COMMA),
        (2,) * 30,
    ]


@pytest.mark.parametrize(("before", "first"), [(56, 57), (55, 56), (54, 75), (74, 75)])
def test_a_comma_counts_among_the_last_twenty_tokens_of_a_window(before, first):
    tokens = [*[1] * before, COMMA, *[2] * 40]
    windows = cut([Tokens(tokens)], 75, COMMA)
    assert len(windows[0].ids) == first
    assert [token for window in windows for token in window.ids] == tokens


def test_a_comma_that_no_longer_fits_opens_the_next_window_and_moves_nothing():
    tokens = [*[1] * 60, COMMA, *[2] * 14, COMMA, 3]
    assert [len(window.ids) for window in cut([Tokens(tokens)], 75, COMMA)] == [75, 2]


def test_a_text_without_commas_is_cut_where_the_window_is_full():
    assert cut_words("1 2 3 4 5 6 7", 3) == [[1, 2, 3], [4, 5, 6], [7]]
    assert cut_words("", 3) == []


def test_weights_move_with_their_tokens():
    parts = [Tokens([1] * 60), Tokens([COMMA]), Tokens([2] * 20, 1.5)]
    first, second = cut(parts, 75, COMMA)
    assert first.weights == (1.0,) * 61
    assert second.weights == (1.5,) * 20
    assert not first.weighted
    assert second.weighted


@pytest.mark.parametrize("phrase", [[], [COMMA, 3]])
@pytest.mark.parametrize("length", [1, 2, 9, 10])
def test_tokens_that_belong_together_are_never_cut_apart(length, phrase):
    learned = tuple(range(-1, -1 - length, -1))
    for before in range(12):
        parts = [
            Tokens([1] * before + phrase),
            Tokens(learned, together=True),
            Tokens([2] * 3),
        ]
        windows = [window.ids for window in cut(parts, 10, COMMA)]
        assert all(len(window) <= 10 for window in windows)
        assert sum(-1 in window and -length in window for window in windows) == 1
        flat = [token for window in windows for token in window]
        assert flat == [*[1] * before, *phrase, *learned, *[2] * 3]
