"""LoRA tags in prompts."""

import time

import pytest

from jobs.request.lora_tags import split_lora_tags


@pytest.mark.parametrize(
    ("prompt", "rest", "loras"),
    [
        ("a cat", "a cat", []),
        ("", "", []),
        ("a cat <lora:ink:0.8>", "a cat ", [("ink", 0.8)]),
        ("<lora:ink>a cat", "a cat", [("ink", 1.0)]),
        ("a <lora:ink:.5>cat, (b:1.2)", "a cat, (b:1.2)", [("ink", 0.5)]),
        ("a  b\n<lora:ink:1>\n c", "a  b\n\n c", [("ink", 1.0)]),
        ("<lora:ink:-0.5>", "", [("ink", -0.5)]),
        ("<lora:ink:+2>", "", [("ink", 2.0)]),
        ("<LORA: My Ink v1.5 : 0.8 >", "", [("My Ink v1.5", 0.8)]),
        ("<lora:b:1><lora:a:0.5>", "", [("b", 1.0), ("a", 0.5)]),
        # Weights for text encoder and UNet: the first holds for both.
        ("<lora:ink:0.8:0.5>", "", [("ink", 0.8)]),
        ("<lora:ink:te=0.8:unet=0.5>", "", [("ink", 0.8)]),
        ("<lora:ink:>", "", [("ink", 1.0)]),
    ],
)
def test_tags_leave_the_prompt_and_nothing_else_does(prompt, rest, loras):
    assert split_lora_tags(prompt) == (rest, loras)


@pytest.mark.parametrize(
    "prompt",
    [
        "<hypernet:ink:0.8>",
        "<lora:>",
        "<lora: :1>",
        "<lora>",
        "<lora:ink:strong>",
        "<lora:ink:1.2.3>",
        "<lora:ink:nan>",
        "<lora:ink:inf>",
        "<lora:ink:0.5",
        "lora:ink:0.5",
        "<loras:ink:0.5>",
    ],
)
def test_what_is_no_lora_tag_stays_in_the_prompt(prompt):
    assert split_lora_tags(prompt) == (prompt, [])


def test_a_lora_that_is_named_twice_comes_once_with_both_weights_together():
    prompt = "a <lora:ink:0.1>, b <lora:oil:1> <lora:ink:0.2>"
    assert split_lora_tags(prompt) == ("a , b  ", [("ink", 0.3), ("oil", 1.0)])


def test_a_tag_that_is_never_closed_does_not_swallow_the_next():
    assert split_lora_tags("<lora:oil <lora:ink:1>") == ("<lora:oil ", [("ink", 1.0)])


@pytest.mark.parametrize("unit", ["<lora:", "<lora:a:", "<", "< ", "<lora:a:1>", " ", "<lora :"])
def test_a_hostile_prompt_is_read_in_time_that_grows_with_its_length_alone(unit):
    def seconds(times: int) -> float:
        started = time.perf_counter()
        split_lora_tags(unit * times)
        return time.perf_counter() - started

    # Quadratic work would take minutes.
    assert seconds(200_000) < 5
