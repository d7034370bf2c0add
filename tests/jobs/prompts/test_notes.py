"""What of a prompt's language is read as words is said in the notes of its job."""

from __future__ import annotations

import time

import pytest

from jobs.prompts.joined import passed_over
from jobs.request.notes import Note
from jobs.request.request import GenerationRequest, InvalidRequest
from jobs.request.resolve import resolve
from tests.card import make_card


def notes_of(prompt: str, negative: str = "", *, batched: bool = True) -> list[tuple[str, str]]:
    notes: list[Note] = []
    request = GenerationRequest(prompt=prompt, negative_prompt=negative)
    resolve(request, [make_card(batched=batched)], notes=notes)
    return [(note.pointer, note.detail) for note in notes]


@pytest.mark.parametrize("prompt", ["a (red:1.3) apple", "[a:b:0.5]", "a AND b", "a BREAK b"])
def test_a_whole_pipeline_reads_words_alone_and_the_job_says_so(prompt: str):
    ((pointer, detail),) = notes_of(prompt, batched=False)
    assert pointer == "/prompt"
    assert "reads `" in detail
    assert notes_of(prompt) == []


def test_and_in_a_negative_prompt_is_a_word():
    ((pointer, _),) = notes_of("a", "b AND c")
    assert pointer == "/negative_prompt"
    assert notes_of("SAND", "LAND (and) sea") == []


@pytest.mark.parametrize(
    ("prompt", "sign"),
    [
        ("a [cat:dog] b", "[cat:dog]"),
        ("[cat:dog:soon]", "[cat:dog:soon]"),
        ("[a:b:c:0.5]", "[a:b:c:0.5]"),
        ("[cat|dog", "[cat|dog"),
        ("(red:1.3 apple", "(red:1.3 apple"),
        ("(red:much) apple", "(red:much)"),
        ("a AND b :x", ":x"),
        ("[cat AND dog:bird:3]", "dog:bird:3]"),
        ("a (cat AND dog:1.2) b", "dog:1.2)"),
        ("a <lora:ink", "<lora:ink"),
        ("{red|green apple", "{red|green apple"),
    ],
)
def test_what_has_not_the_form_of_what_it_looks_like_is_named(prompt: str, sign: str):
    said = f"`{sign}` is read as words: it is not whole, or not as it must be written"
    assert notes_of(prompt) == [("/prompt", said)]
    if "AND" not in prompt:
        assert notes_of("a", prompt) == [("/negative_prompt", said)]


@pytest.mark.parametrize(
    "prompt",
    [
        *("[[a:b:0.5]:c:0.7]", "[(cat:1.2):dog:5]", "(a (b:1.2):1.1)", "[a||b]", "(red", "red)"),
        *("at 10:30 {red}", "[{a|b}:c:0.5]", "{[a::0.5]|(b:1.2)}", "\\[a:b\\]", "a AND b :-.5"),
    ],
)
def test_nothing_is_said_of_what_is_written_as_it_must_be(prompt: str):
    assert notes_of(prompt) == []


def test_a_tag_in_a_negative_prompt_is_words():
    ((pointer, detail),) = notes_of("a", "blue <lora:ink:1>")
    assert (pointer, "`<lora:ink:1>`" in detail) == ("/negative_prompt", True)


def test_a_scale_of_classifier_free_guidance_beside_cfg_plus_plus_is_pointed_out():
    for scale, said in ((7.0, 1), (0.6, 0)):
        notes: list[Note] = []
        request = GenerationRequest(
            prompt="a", cfg_plus_plus=True, guidance_scale=scale, sampler="ddim"
        )
        resolve(request, [make_card()], notes=notes)
        assert [note.pointer for note in notes] == ["/guidance_scale"] * said


def test_and_without_guidance_is_refused_by_its_field():
    request = GenerationRequest(prompt="a AND b", guidance_scale=1.0)
    with pytest.raises(InvalidRequest, match="/prompt: AND joins prompts by their guidance"):
        resolve(request, [make_card()])


@pytest.mark.parametrize("unit", [" ", " :", ":", "[a|", "(a:", "[:", "{a|", "<lora:"])
def test_a_hostile_prompt_is_looked_through_in_time_that_grows_with_its_length_alone(unit: str):
    started = time.perf_counter()
    passed_over("a AND b :" + unit * 200_000 + "x y")
    # Quadratic work would take minutes.
    assert time.perf_counter() - started < 60
