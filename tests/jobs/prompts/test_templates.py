"""Choices and wildcards: what a template becomes by a seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from jobs.prompts.templates import BadTemplate, expanded, is_template
from jobs.prompts.wildcards import NoWildcard, Wildcards


@pytest.fixture
def lists(tmp_path: Path) -> Wildcards:
    folder = tmp_path / "wildcards"
    (folder / "hair").mkdir(parents=True)
    (folder / "animal.txt").write_text("# all of them\ncat\n\n9::dog\n{big|small} bird\n")
    (folder / "hair" / "long_one.txt").write_text("red\n")
    (folder / "hair" / "short.txt").write_text("blue\n")
    (folder / "loop.txt").write_text("__loop__ and on\n")
    (folder / "none.txt").write_text("# nothing yet\n")
    return Wildcards(folder)


def every(prompt: str, lists: Wildcards, seeds: int = 200) -> Counter[str]:
    return Counter(expanded(prompt, str(seed), lists) for seed in range(seeds))


@pytest.mark.parametrize(
    ("prompt", "becomes"),
    [
        ("{red|green} apple", {"red apple", "green apple"}),
        ("{a|{b|c}}", {"a", "b", "c"}),
        ("{|very} red", {" red", "very red"}),
        ("{2$$a|b}", {"a, b", "b, a"}),
        ("{2$$ and $$a|b}", {"a and b", "b and a"}),
        ("{1-2$$+$$a|b}", {"a", "b", "a+b", "b+a"}),
        ("{-1$$a|b}", {"", "a", "b"}),
        ("{2-$$ $$a|b}", {"a b", "b a"}),
        ("{3$$ $$a}", {"a a a"}),
        ("{2$${a|b}|c}", {"a, c", "b, c", "c, a", "c, b"}),
        ("{0::a|b}", {"b"}),
        ("{[a|b]|c}", {"[a|b]", "c"}),
        ("[x:{a|b}:0.5]", {"[x:a:0.5]", "[x:b:0.5]"}),
        ("{<lora:ink:1>|<lora:ink:.5>}", {"<lora:ink:1>", "<lora:ink:.5>"}),
        ("a __hair/long_one__", {"a red"}),
        ("__hair/*__", {"red", "blue"}),
        ("{__hair/short__|x}", {"blue", "x"}),
        ("__animal__", {"cat", "dog", "big bird", "small bird"}),
    ],
)
def test_a_template_becomes_each_of_its_prompts(prompt: str, becomes: set[str], lists: Wildcards):
    assert is_template(prompt)
    assert set(every(prompt, lists)) == becomes


@pytest.mark.parametrize(
    "prompt",
    ["a | b", "{a}", '{"scene": "a cat"}', r"\{a\|b\}", "{a|b", "a_b __", "[a|b]", "} {", "$5"],
)
def test_what_leaves_no_choice_is_text(prompt: str, lists: Wildcards):
    assert not is_template(prompt)
    assert expanded(prompt, "1", lists) == prompt


def test_weights_say_how_often(lists: Wildcards):
    found = every("{3::a|b}", lists, 2000)
    assert 2.5 < found["a"] / found["b"] < 3.6
    assert every("__animal__", lists, 1000)["dog"] > 700


def test_one_seed_gives_one_prompt(lists: Wildcards):
    prompt = "{a|b|c} __animal__ {2$$d|e|f}"
    assert expanded(prompt, "7", lists) == expanded(prompt, "7", lists)
    assert len(every(prompt, lists)) > 20


@pytest.mark.parametrize(
    ("prompt", "error", "said"),
    [
        ("a __nothing/here__", NoWildcard, "wildcards/nothing/here.txt"),
        ("__../secret__", NoWildcard, "no name of a file"),
        ("__none__", NoWildcard, "has no values"),
        ("__x*__", NoWildcard, "fits no file"),
        ("__loop__", BadTemplate, "`__loop__` is deeper"),
        ("${x=a} b", BadTemplate, "variable"),
        ("__~animal__", BadTemplate, "parameter"),
        ("__animal(size=big)__", BadTemplate, "parameter"),
        ("{0::a|0::b}", BadTemplate, "all weights are 0"),
        ("{3-1$$a|b}", BadTemplate, "3 at least and 1 at most"),
        ("{99$$ $$a|{99$$ $$b|{9$$c|d}}}", BadTemplate, "more than 2000"),
        ("{999$${999$$" + "a" * 900 + "|b}|c}", BadTemplate, "more than 1000000 characters"),
    ],
)
def test_what_cannot_be_picked_says_why(
    prompt: str, error: type[Exception], said: str, lists: Wildcards
):
    with pytest.raises(error, match=said.replace("*", r"\*").replace("__", "__")):
        expanded(prompt, "1", lists)


@pytest.mark.parametrize("unit", ["{", "{a|", "}", "__", "__a ", "a ", "{a|b}", "_", "$", "{1$$"])
def test_a_hostile_prompt_is_read_in_time_that_grows_with_its_length_alone(
    unit: str, lists: Wildcards
):
    prompt = unit * (20_000 // len(unit))
    if unit == "{a|b}":
        with pytest.raises(BadTemplate, match="more than 2000"):
            expanded(prompt, "1", lists)
    else:
        assert expanded(prompt, "1", lists) == prompt
