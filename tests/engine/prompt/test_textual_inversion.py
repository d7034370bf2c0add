"""Learned words: one vector or several in the place of a word that a text encoder does not know."""

from collections.abc import Iterator

import pytest
import torch

from tests.engine.prompt.readers import LENGTH, emphasized, sd1, sdxl, stock_sd1
from tests.tiny.text import WIDTH, WIDTH_2, WINDOW, sd1_pipeline, sdxl_pipeline


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def vectors(count: int, *widths: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(count)
    return [torch.randn(count, width, generator=generator) for width in widths or (WIDTH,)]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("prompt", ["a <ink> cat", "<ink>", "a <ink>, <ink> b"])
def test_a_learned_word_is_encoded_as_by_stock_diffusers(count, prompt):
    (learned,) = vectors(count)
    encoder = sd1()
    encoder.add_embedding("<ink>", [learned])
    ours = encoder.encode(prompt, prompt)
    stock = sd1_pipeline()
    stock.load_textual_inversion(learned, token="<ink>")
    expected, negative = stock.encode_prompt(prompt, "cpu", 1, True, prompt)
    assert torch.equal(ours.prompt, expected)
    assert torch.equal(ours.negative, negative)


@pytest.mark.parametrize("count", [1, 4])
def test_a_learned_word_of_sdxl_has_vectors_for_both_encoders(count):
    first, second = vectors(count, WIDTH, WIDTH_2)
    encoder = sdxl()
    encoder.add_embedding("<ink>", [first, second])
    ours = encoder.encode("a <ink> cat", None)
    stock = sdxl_pipeline()
    stock.load_textual_inversion(
        first, token="<ink>", text_encoder=stock.text_encoder, tokenizer=stock.tokenizer
    )
    stock.load_textual_inversion(
        second, token="<ink>", text_encoder=stock.text_encoder_2, tokenizer=stock.tokenizer_2
    )
    expected, _, pooled, _ = stock.encode_prompt("a <ink> cat", device="cpu")
    assert torch.equal(ours.prompt, expected)
    assert torch.equal(ours.pooled, pooled)


def test_a_learned_word_counts_its_vectors_and_takes_a_weight():
    (learned,) = vectors(3)
    encoder = sd1()
    encoder.add_embedding("ink", [learned])
    plain = encoder.encode("a ink b", None)
    weighted = encoder.encode("a (ink:1.5) b", None)
    assert plain.tokens == weighted.tokens == 5
    expected = emphasized(plain.prompt, [1.0, 1.5, 1.5, 1.5, 1.0])
    assert torch.allclose(weighted.prompt, expected, rtol=1e-5, atol=1e-6)


def test_a_learned_word_that_would_be_cut_begins_the_next_window():
    (learned,) = vectors(5)
    encoder = sd1()
    encoder.add_embedding("ink", [learned])
    text = encoder.encode("a" * 9 + " ink", None)
    assert (text.tokens, text.chunks) == (14, 2)
    assert torch.equal(text.prompt[:, :LENGTH], stock_sd1("a" * 9))
    assert torch.equal(text.prompt[:, LENGTH:], encoder.encode("ink", None).prompt)


@pytest.mark.parametrize("prompt", ["inks", "pink", "ink-2", "ink_2", "2ink"])
def test_a_learned_word_is_not_part_of_another_word(prompt):
    encoder = sd1()
    encoder.add_embedding("ink", vectors(1))
    assert torch.equal(encoder.encode(prompt, None).prompt, stock_sd1(prompt))


def test_capitals_make_no_difference_to_a_learned_word():
    """Files are named EasyNegative, and CLIP reads small letters only."""
    encoder = sd1()
    encoder.add_embedding("ink", vectors(1))
    assert torch.equal(encoder.encode("Ink", None).prompt, encoder.encode("ink", None).prompt)


def test_the_longest_of_the_learned_words_counts():
    encoder = sd1()
    for name, count in (("ink", 1), ("ink-wash", 2), ("ink wash (v2)", 3)):
        encoder.add_embedding(name, vectors(count))
    counted = ["ink", "ink-wash", r"ink wash \(v2\)", "(ink, ink-wash)"]
    assert [encoder.encode(prompt, None).tokens for prompt in counted] == [1, 2, 3, 4]


def test_a_learned_word_leaves_the_text_encoder_as_it_was():
    pipeline = sd1_pipeline()
    before = {name: part.clone() for name, part in pipeline.text_encoder.state_dict().items()}
    encoder = sd1(pipeline)
    encoder.add_embedding("ink", vectors(2))
    encoder.encode("ink", None)
    after = pipeline.text_encoder.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(part, after[name]) for name, part in before.items())
    assert torch.equal(pipeline.encode_prompt("a cat", "cpu", 1, False)[0], stock_sd1("a cat"))
    assert torch.equal(encoder.encode("a cat", None).prompt, stock_sd1("a cat"))


def test_new_vectors_take_the_place_of_a_learned_words_old_ones():
    encoder, fresh = sd1(), sd1()
    encoder.add_embedding("ink", vectors(2))
    old = encoder.encode("an ink", None)
    encoder.add_embedding("ink", vectors(3))
    fresh.add_embedding("ink", vectors(3))
    new = encoder.encode("an ink", None)
    assert (old.tokens, new.tokens) == (4, 5)
    assert torch.equal(new.prompt, fresh.encode("an ink", None).prompt)


@pytest.mark.parametrize(
    ("name", "learned", "why"),
    [
        ("ink", vectors(1, WIDTH, WIDTH_2), "2 text encoders; this model has 1"),
        ("ink", vectors(1, WIDTH_2), r"shape \(1, 48\); this model's text encoder takes \(1, 32\)"),
        ("ink", vectors(WINDOW + 1), "13 vectors; a prompt's window takes 1 to 12"),
        ("ink", vectors(0), "0 vectors"),
        ("ink", [torch.zeros(WIDTH)], "32 vectors"),
        (" ", vectors(1), "its name is empty"),
    ],
)
def test_vectors_that_do_not_fit_are_refused_with_the_reason(name, learned, why):
    with pytest.raises(ValueError, match=f"^embedding: .*{why}"):
        sd1().add_embedding(name, learned)
