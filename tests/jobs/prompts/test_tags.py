"""LoRA tags in prompts."""

import time

import pytest

from jobs.prompts.tags import LoraTag, split_tags, tag_of

OUTS = {f"IN{number:02}": 0.0 for number in (1, 2, 4, 5, 7, 8)} | dict.fromkeys(
    ("MID", "OUT03", "OUT04", "OUT05", "OUT06"), 0.0
)
"""What the preset of that name leaves nothing of."""


@pytest.mark.parametrize(
    ("prompt", "rest", "loras"),
    [
        ("a cat", "a cat", []),
        ("", "", []),
        ("a cat <lora:ink:0.8>", "a cat ", [LoraTag("ink", 0.8)]),
        ("<lora:ink>a cat", "a cat", [LoraTag("ink")]),
        ("a <lora:ink:.5>cat, (b:1.2)", "a cat, (b:1.2)", [LoraTag("ink", 0.5)]),
        ("a  b\n<lora:ink:1>\n c", "a  b\n\n c", [LoraTag("ink")]),
        ("<lora:ink:-0.5>", "", [LoraTag("ink", -0.5)]),
        ("<lora:ink:+2>", "", [LoraTag("ink", 2.0)]),
        ("<LORA: My Ink v1.5 : 0.8 >", "", [LoraTag("My Ink v1.5", 0.8)]),
        ("<lyco:ink:0.8>", "", [LoraTag("ink", 0.8)]),
        ("<lora:b:1><lora:a:0.5>", "", [LoraTag("b"), LoraTag("a", 0.5)]),
        # For the text encoders first, then for the UNet, as AUTOMATIC1111 has them.
        ("<lora:ink:0.8:0.5>", "", [LoraTag("ink", 0.5, 0.8)]),
        ("<lora:ink:0.8:0.8>", "", [LoraTag("ink", 0.8)]),
        ("<lora:ink:unet=0.5:te=0.8>", "", [LoraTag("ink", 0.5, 0.8)]),
        ("<lora:ink:unet=0.5>", "", [LoraTag("ink", 0.5, 1.0)]),
        ("<lora:ink:te=0.5>", "", [LoraTag("ink", 0.5)]),
        # A name goes before a place; the UNet has the text encoders' where none is said.
        ("<lora:ink:te=0.5:0.8>", "", [LoraTag("ink", 0.5)]),
        ("<lora:ink:0.8:0.3:te=0.5>", "", [LoraTag("ink", 0.3, 0.5)]),
        ("<lora:ink:>", "", [LoraTag("ink")]),
        ("<lora:ink:0.5:lbw=OUTS>", "", [LoraTag("ink", 0.5, block_weights=OUTS)]),
        ("<lora:ink:1:1:outs>", "", [LoraTag("ink", block_weights=OUTS)]),
        ("<lora:ink:1:1:lbw=ALL>", "", [LoraTag("ink")]),
        (
            "<lyco:ink:1:1,0.5,1,1,1,1,1,1,-1,1,1,0>",
            "",
            [LoraTag("ink", block_weights={"IN04": 0.5, "OUT02": -1.0, "OUT05": 0.0})],
        ),
        (
            "<lora:ink:0.5><lora:ink:0.2:lbw=OUTS><lora:ink:0.25>",
            "",
            [LoraTag("ink", 0.75), LoraTag("ink", 0.2, block_weights=OUTS)],
        ),
    ],
)
def test_tags_leave_the_prompt_and_nothing_else_does(prompt: str, rest: str, loras: list[LoraTag]):
    found = split_tags(prompt)
    assert (found.prompt, found.loras, found.faults) == (rest, loras, [])


@pytest.mark.parametrize(
    ("prompt", "fault"),
    [
        ("<hypernet:ink:0.8>", "of a kind that is not done here"),
        ("<loras:ink:0.5>", "of a kind that is not done here"),
        ("<lora:>", "names no LoRA"),
        ("<lora: :1>", "names no LoRA"),
        ("<lora:ink:strong>", "no number: strong"),
        ("<lora:ink:1.2.3>", "no number: 1.2.3"),
        ("<lora:ink:nan>", "no number: nan"),
        ("<lora:ink:unet=inf>", "no number: inf"),
        ("<lora:ink:1:1:8>", "says `8` beside its two weights"),
        ("<lora:ink:1:step=8>", "says `step=8` beside its two weights"),
        ("<lora:ink:1:lbw=SIDE>", "that are no preset: SIDE; there are NONE, ALL"),
        ("<lora:ink:1:lbw=1,2,3>", "has 3 block weights; lists have 12, 17, 20 or 26"),
        ("<lora:ink:1:lbw=1,R,3>", "no number: R; random and inherited weights are not done"),
        ("<lora:ink:1:lbw=1,hot,3>", "no number: hot"),
    ],
)
def test_what_is_asked_for_and_not_done_is_a_fault(prompt: str, fault: str):
    found = split_tags(prompt)
    assert found.loras == []
    (said,) = found.faults
    assert fault in said


@pytest.mark.parametrize(
    "prompt", ["<lora>", "<lora:ink:0.5", "lora:ink:0.5", "I <3: you>", "<:a>"]
)
def test_what_is_no_tag_stays_in_the_prompt(prompt: str):
    found = split_tags(prompt)
    assert (found.prompt, found.loras, found.faults) == (prompt, [], [])


def test_a_lora_that_is_named_twice_comes_once_with_both_weights_together():
    found = split_tags("a <lora:ink:0.1>, b <lora:oil:1> <lora:ink:0.2:0.3>")
    assert found.prompt == "a , b  "
    assert found.loras == [LoraTag("ink", 0.4, 0.3), LoraTag("oil")]


def test_a_tag_that_is_never_closed_does_not_swallow_the_next():
    found = split_tags("<lora:oil <lora:ink:1>")
    assert (found.prompt, found.loras) == ("<lora:oil ", [LoraTag("ink")])


def test_a_tag_that_is_written_is_read_again():
    few, many = {"BASE": 0.5, "OUT11": 0.0}, {"IN00": 2.0, "MID": 0.0, "OUT00": -1.0}
    xl = {"IN04": 0.0, "OUT00": 1.5}
    for lora in (
        LoraTag("ink", 0.5),
        LoraTag("ink", 0.5, -1.0),
        *(LoraTag("ink", 0.5, block_weights=blocks) for blocks in (few, many, xl)),
    ):
        said = tag_of(lora.name, lora.weight, lora.text_encoder_weight, lora.block_weights)
        assert split_tags(said).loras == [lora]


@pytest.mark.parametrize("unit", ["<lora:", "<lora:a:", "<", "< ", "<lora:a:1>", " ", "<lora :"])
def test_a_hostile_prompt_is_read_in_time_that_grows_with_its_length_alone(unit: str):
    started = time.perf_counter()
    split_tags(unit * 20_000)
    # Quadratic work would take minutes.
    assert time.perf_counter() - started < 60


def test_a_weight_may_be_written_with_an_exponent():
    (lora,) = split_tags("<lora:ink:5e-1>").loras
    assert lora.weight == 0.5
