"""What of a prompt's language is read as words is said in the notes of its job."""

from __future__ import annotations

import pytest

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


def test_and_without_guidance_is_refused_by_its_field():
    request = GenerationRequest(prompt="a AND b", guidance_scale=1.0)
    with pytest.raises(InvalidRequest, match="/prompt: AND joins prompts by their guidance"):
        resolve(request, [make_card()])
