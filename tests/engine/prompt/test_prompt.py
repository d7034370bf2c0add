"""Prompts of any length."""

import pytest
import torch

from tests.engine.helpers import load, open_pipeline, pictures, tiny
from tests.tiny.model import WINDOW
from worker.engine import InvalidRequest
from worker.engine.prompt.text_encoder import CACHED_WINDOWS


def stock_embeddings(folder, prompt: str, negative: str):
    with torch.inference_mode():
        return open_pipeline(folder).encode_prompt(prompt, "cpu", 1, True, negative)


@pytest.mark.parametrize("prompt", ["red apple, 3d", "", "CAT face", "zxqv", "cake " * 18])
def test_a_prompt_within_the_window_is_encoded_as_by_stock_diffusers(
    prompt, shipped_folder, shipped_model
):
    with torch.inference_mode():
        ours = shipped_model.reads.encode(prompt, "blue")
    expected, against = stock_embeddings(shipped_folder, prompt, "blue")
    assert ours.chunks == 1
    assert torch.equal(ours.prompt, expected)
    assert ours.negative is not None
    assert torch.equal(ours.negative, against)


def test_a_prompt_longer_than_the_window_is_encoded_in_windows_and_never_cut(tiny_model):
    encoder = tiny_model.prompts
    start, middle, end = ("a" * WINDOW, "b" * WINDOW, "c" * 3)
    with torch.inference_mode():
        whole = encoder.encode(start + middle + end, None)
        length = WINDOW + 2
        assert whole.chunks == 3
        assert whole.prompt.shape == (1, 3 * length, 32)
        assert whole.negative is None
        changed = encoder.encode(start + middle + "ccd", None)
    assert torch.equal(whole.prompt[:, : 2 * length], changed.prompt[:, : 2 * length])
    assert not torch.equal(whole.prompt[:, 2 * length :], changed.prompt[:, 2 * length :])


@pytest.mark.parametrize(("prompt", "negative"), [("a", "b" * 25), ("a" * 25, "b"), ("a", "b")])
def test_the_shorter_text_is_filled_up_with_empty_windows(prompt, negative, tiny_model):
    with torch.inference_mode():
        both = tiny_model.reads.encode(prompt, negative)
        empty = tiny_model.reads.encode("", None).prompt
    assert both.negative is not None
    assert both.prompt.shape == both.negative.shape == (1, both.chunks * (WINDOW + 2), 32)
    shorter = both.prompt if len(prompt) <= len(negative) else both.negative
    for chunk in range(1, both.chunks):
        window = shorter[:, chunk * (WINDOW + 2) : (chunk + 1) * (WINDOW + 2)]
        assert torch.equal(window, empty)


def test_tokens_and_windows_are_reported(engine):
    # The byte-level tokenizer adds a token for the space that every word starts with.
    done = pictures(engine, long=tiny(prompt="xyz" * 9), short=tiny(prompt="xyz"))
    assert (done["long"].prompt_tokens, done["long"].prompt_chunks) == (28, 3)
    assert (done["short"].prompt_tokens, done["short"].prompt_chunks) == (4, 1)


def test_the_last_words_of_a_long_prompt_change_the_picture(engine):
    done = pictures(engine, one=tiny(prompt="x" * 30 + "a"), two=tiny(prompt="x" * 30 + "b"))
    assert done["one"].image is not None
    assert done["two"].image is not None
    assert (done["one"].image != done["two"].image).any()


def test_an_embedding_is_remembered_and_the_memory_is_bounded(tiny_folder):
    model = load("tiny", tiny_folder)
    encoded = []
    model.text_encoders[0].model.register_forward_hook(lambda *_: encoded.append(1))
    with torch.inference_mode():
        first = model.reads.encode("a rocket", "flat")
        again = model.reads.encode("a rocket", "flat")
        assert len(encoded) == 2
        assert torch.equal(first.prompt, again.prompt)
        for number in range(CACHED_WINDOWS + 5):
            model.reads.encode(str(number), None)
        before = len(encoded)
        model.reads.encode("a rocket", None)
    assert len(encoded) == before + 1


def test_the_negative_prompt_is_not_read_where_guidance_is_off(engine):
    done = pictures(engine, one=tiny(guidance_scale=1.0, negative_prompt="b" * 40))
    assert done["one"].prompt_chunks == 1


def test_more_windows_than_are_read_are_refused_with_the_limit(engine):
    done = pictures(engine, one=tiny(prompt="apple BREAK " * 300))["one"]
    assert isinstance(done.error, InvalidRequest)
    assert "300 windows" in str(done.error)
    assert "at most 256" in str(done.error)
