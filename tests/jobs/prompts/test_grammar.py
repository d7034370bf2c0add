"""Schedules of prompts against those that AUTOMATIC1111's own parser gives, version 1.10."""

from __future__ import annotations

import pytest

from grammar.edits import Count, Edited
from grammar.errors import BadPrompt
from grammar.script import MAX_PARTS, Part, parts_of

FIRST = Count(10)
SECOND = Count(10, before=10)

Schedule = list[tuple[int, str]]

SCHEDULES: list[tuple[str, Schedule]] = [
    ("test", [(10, "test")]),
    ("a [b:3]", [(3, "a "), (10, "a b")]),
    ("a [b: 3]", [(3, "a "), (10, "a b")]),
    ("a [[[b]]:2]", [(2, "a "), (10, "a [[b]]")]),
    ("[(a:2):3]", [(3, ""), (10, "(a:2)")]),
    ("a [b : c : 1] d", [(1, "a b  d"), (10, "a  c  d")]),
    ("a[b:[c:d:2]:1]e", [(1, "abe"), (2, "ace"), (10, "ade")]),
    ("a [unbalanced", [(10, "a [unbalanced")]),
    ("a [b:.5] c", [(5, "a  c"), (10, "a b c")]),
    ("((a][:b:c [d:3]", [(3, "((a][:b:c "), (10, "((a][:b:c d")]),
    ("[a|(b:1.1)]", [(step, "(b:1.1)" if step % 2 == 0 else "a") for step in range(1, 11)]),
    ("[fe|]male", [(step, "male" if step % 2 == 0 else "female") for step in range(1, 11)]),
    ("[fe|||]male", [(step, "female" if step % 4 == 1 else "male") for step in range(1, 11)]),
    ("[a::4]", [(4, "a"), (10, "")]),
    ("[a: b : 3 ]", [(3, "a"), (10, " b ")]),
    ("[a:b]", [(10, "[a:b]")]),
    ("[a:b:c:4]", [(10, "[a:b:c:4]")]),
    ("[1:2:3]", [(3, "1"), (10, "2")]),
    ("[a:b:-1]", [(10, "b")]),
    ("[a:b:1e-1]", [(10, "b")]),
    ("[a:1.0]", [(10, "")]),
    (r"[a\:b:c:4]", [(4, r"a\:b"), (10, "c")]),
    ("[(x:1.2):[y|z]:5]", [(5, "(x:1.2)"), (6, "z"), (7, "y"), (8, "z"), (9, "y"), (10, "z")]),
    ("[[a:b:2]|c]", [(1, "a"), (2, "c"), (3, "b"), (4, "c"), (5, "b"), (6, "c"), (7, "b")]),
]


@pytest.mark.parametrize(("prompt", "schedule"), SCHEDULES)
def test_words_change_where_automatic1111_has_them_change(prompt: str, schedule: Schedule):
    edited = Edited(prompt)
    for forward in range(schedule[-1][0]):
        expected = next(text for until, text in schedule if forward <= until)
        assert edited.at(forward, FIRST) == expected, forward


@pytest.mark.parametrize(
    ("prompt", "schedule"),
    [
        ("a [b:.5] c", [(10, "a b c")]),
        ("a [b:1.5] c", [(5, "a  c"), (10, "a b c")]),
        ("a [b:13] c", [(3, "a  c"), (10, "a b c")]),
    ],
)
def test_a_second_pass_is_counted_behind_the_first(prompt: str, schedule: Schedule):
    edited = Edited(prompt)
    for forward in range(10):
        expected = next(text for until, text in schedule if forward <= until)
        assert edited.at(forward, SECOND) == expected, forward


def test_edits_beside_a_bar_that_stands_alone_still_count():
    assert Edited("a | b [c:d:3]").at(9, FIRST) == "a | b d"


def test_and_joins_prompts_with_the_weights_that_they_end_with():
    assert parts_of("a cat :1.2 AND (rain:0.5) AND snow:-.5") == [
        Part("a cat", 1.2),
        Part(" (rain:0.5)"),
        Part(" snow", -0.5),
    ]
    assert parts_of("a clock at 10:30") == [Part("a clock at 10:30")]
    assert parts_of("SAND, a hand AND") == [Part("SAND, a hand"), Part("")]


def test_what_is_beyond_all_measure_is_refused_in_the_time_of_a_prompt():
    with pytest.raises(BadPrompt, match=f"at most {MAX_PARTS}"):
        parts_of("a AND " * 3000)
    with pytest.raises(BadPrompt, match="weighs at most"):
        parts_of("a:1000 AND b")
    with pytest.raises(BadPrompt, match="deep"):
        Edited("[a:" * 3000 + "b" + ":3]" * 3000)
    assert Edited("[" * 10_000).at(0, FIRST) == "[" * 10_000
    assert Edited("[a:b:9e999]").at(0, FIRST) == "[a:b:9e999]"
