"""How each family's text encoders are read: layers, pooled vectors, weights, windows."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch

from tests.engine.prompt.readers import LENGTH, emphasized, sd1, sdxl, stock_sd1, stock_sdxl
from tests.tiny.text import LAYERS, WIDTH, WIDTH_2, WINDOW, sd1_pipeline, sdxl_pipeline
from worker.engine.backends.network import Network, standing_in
from worker.engine.errors import InvalidRequest
from worker.engine.prompt.prompt import PromptEncoder
from worker.engine.prompt.text_encoder import TextEncoder


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def test_what_was_read_another_way_is_not_taken_for_what_must_be_exact():
    encoder = sd1()
    [network] = encoder.networks

    def twice(network: Network, args: Sequence[Any], kwargs: dict[str, Any]) -> torch.Tensor:
        return 2 * network.eager(*args, **kwargs)

    with standing_in([network], twice):
        other = encoder.encode("a cat", None)
        assert torch.equal(encoder.encode("a cat", None).prompt, other.prompt)
    plain = encoder.encode("a cat", None)
    assert torch.equal(other.prompt, 2 * plain.prompt)
    with standing_in([network], twice):
        assert torch.equal(encoder.encode("a cat", None).prompt, other.prompt)


# Layers


@pytest.mark.parametrize("clip_skip", range(1, LAYERS + 1))
@pytest.mark.parametrize("prompt", ["a cat, 3d", "", "(a cat)"])
def test_clip_skip_counts_layers_from_the_last_as_stock_diffusers_does(clip_skip, prompt):
    ours = sd1().encode(prompt.replace("(", r"\("), "blue", clip_skip=clip_skip)
    assert torch.equal(ours.prompt, stock_sd1(prompt, clip_skip - 1 or None))
    # Stock diffusers leaves the negative prompt at the last layer; one that skips skips both.
    assert ours.negative is not None
    assert torch.equal(ours.negative, stock_sd1("blue", clip_skip - 1 or None))


def test_the_layers_that_can_be_skipped_differ():
    encoder = sd1()
    layers = [encoder.encode("a cat", None, clip_skip=number).prompt for number in (1, 2, 3)]
    assert not torch.allclose(layers[0], layers[1])
    assert not torch.allclose(layers[1], layers[2])


@pytest.mark.parametrize(("encoder", "most"), [(sd1, LAYERS), (sdxl, LAYERS - 1)])
def test_clip_skip_beyond_the_first_layer_is_refused_with_the_limit(encoder, most):
    prompts = encoder()
    prompts.encode("a", "", clip_skip=most)
    with pytest.raises(InvalidRequest, match=f"^clip_skip: {most + 1} is more than the {most} "):
        prompts.encode("a", "", clip_skip=most + 1)


def test_a_model_that_attends_to_the_prompt_alone_is_told_where_it_ends():
    pipeline = sd1_pipeline()
    pipeline.text_encoder.config.use_attention_mask = True
    masked = sd1(pipeline).encode("a cat", None).prompt
    assert torch.equal(masked, pipeline.encode_prompt("a cat", "cpu", 1, False)[0])
    assert not torch.allclose(masked, sd1().encode("a cat", None).prompt)


# SDXL


@pytest.mark.parametrize("clip_skip", range(1, LAYERS))
def test_sdxl_reads_both_encoders_as_stock_diffusers_does(clip_skip):
    ours = sdxl().encode("a red cat", "blue", clip_skip=clip_skip)
    skipped = clip_skip - 1 or None
    prompt, _, pooled, negative_pooled = stock_sdxl("a red cat", "blue", clip_skip=skipped)
    negative = stock_sdxl("blue", clip_skip=skipped)[0]
    assert ours.prompt.shape == (1, LENGTH, WIDTH + WIDTH_2)
    assert ours.pooled is not None
    for mine, theirs in (
        (ours.prompt, prompt),
        (ours.negative, negative),
        (ours.pooled, pooled),
        (ours.negative_pooled, negative_pooled),
    ):
        assert torch.equal(mine, theirs)


def test_sdxl_zeroes_an_empty_negative_prompt_only_where_the_model_says_so():
    stock = sdxl_pipeline(force_zeros=True).encode_prompt("a cat", device="cpu")
    zeroed = sdxl(zero_empty_negative=True).encode("a cat " * 9, "")
    assert torch.equal(stock[1], torch.zeros_like(stock[1]))
    assert zeroed.negative is not None
    assert zeroed.negative.shape == zeroed.prompt.shape
    assert not zeroed.negative.any()
    assert zeroed.negative_pooled is not None
    assert not zeroed.negative_pooled.any()
    for encoder, negative in ((sdxl(), ""), (sdxl(zero_empty_negative=True), "blue")):
        kept = encoder.encode("a cat", negative)
        assert torch.equal(kept.negative, stock_sdxl("a cat", negative)[1])
        assert torch.equal(kept.negative_pooled, stock_sdxl("a cat", negative)[3])


def test_sdxl_pools_the_first_window_of_a_long_prompt():
    long = sdxl().encode("a " * WINDOW + "b " * WINDOW + "c", "d")
    first = stock_sdxl("a " * WINDOW, "d")
    assert long.chunks == 3
    assert long.prompt.shape == (1, 3 * LENGTH, WIDTH + WIDTH_2)
    assert torch.equal(long.pooled, first[2])
    assert torch.equal(long.negative_pooled, first[3])


def test_the_refiner_reads_the_second_encoder_alone():
    pipeline = sdxl_pipeline()
    second = TextEncoder(pipeline.tokenizer_2, pipeline.text_encoder_2)
    ours = PromptEncoder([second], penultimate=True).encode("a cat", "blue")
    pipeline.text_encoder = pipeline.tokenizer = None
    stock = pipeline.encode_prompt("a cat", device="cpu", negative_prompt="blue")
    for mine, theirs in zip(
        (ours.prompt, ours.negative, ours.pooled, ours.negative_pooled), stock, strict=True
    ):
        assert torch.equal(mine, theirs)


def test_the_encoders_of_a_model_stay_aligned_where_one_needs_more_windows():
    pipeline = sdxl_pipeline()
    # The second tokenizer takes one token for what the first takes a token a letter for.
    pipeline.tokenizer_2.add_tokens("abcdefghijklmnop")
    pipeline.text_encoder_2.resize_token_embeddings(len(pipeline.tokenizer_2))
    text = sdxl(pipeline).encode("abcdefghijklmnop BREAK xyz", None)
    assert text.chunks == 3
    behind = sdxl(pipeline).encode("xyz", None).prompt
    assert torch.equal(text.prompt[:, 2 * LENGTH :], behind)


# Weights


@pytest.mark.parametrize(
    ("prompt", "plain", "weights"),
    [
        ("a (red:1.5) cat", "a red cat", [1.0, *[1.5] * 3, *[1.0] * 3]),
        ("a [red] (cat)", "a red cat", [1.0, *[1 / 1.1] * 3, *[1.1] * 3]),
        ("(ab:0) c", "ab c", [0.0, 0.0, 1.0]),
        ("(ab:-1) c", "ab c", [-1.0, -1.0, 1.0]),
    ],
)
def test_a_weight_multiplies_a_words_embeddings_and_keeps_the_windows_mean(prompt, plain, weights):
    ours = sd1().encode(prompt, prompt)
    expected = emphasized(stock_sd1(plain), weights)
    assert torch.allclose(ours.prompt, expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(ours.prompt, ours.negative)
    assert torch.allclose(ours.prompt.mean(), stock_sd1(plain).mean(), rtol=1e-3, atol=1e-6)


def test_each_encoder_of_sdxl_keeps_its_own_mean_and_the_pooled_vector_is_not_weighted():
    ours = sdxl().encode("a (b:1.4)", None)
    plain, _, pooled, _ = stock_sdxl("a b")
    for part in (slice(0, WIDTH), slice(WIDTH, None)):
        expected = emphasized(plain[..., part], [1.0, 1.4])
        assert torch.allclose(ours.prompt[..., part], expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(ours.pooled, pooled)


def test_a_mean_that_says_nothing_about_size_is_not_brought_back():
    pipeline = sd1_pipeline()
    # Every embedding's mean is 0 now, but for the last bits, whose ratio is as it happens.
    pipeline.text_encoder.final_layer_norm.reset_parameters()
    encoder = sd1(pipeline)
    for word in "bcdefghi":
        plain = encoder.encode(f"a {word}", None).prompt
        weighted = encoder.encode(f"a ({word}:1.5)", None).prompt
        assert torch.allclose(weighted[:, 2], 1.5 * plain[:, 2])
        assert torch.equal(weighted[:, :2], plain[:, :2])


@pytest.mark.parametrize("prompt", ["(" * 10_000 + "a", "[" * 10_000 + "a", "(a:-9) (b:9)"])
def test_embeddings_stay_finite_whatever_the_weights(prompt):
    pipeline = sd1_pipeline()
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        pipeline.text_encoder.to(dtype)
        text = sd1(pipeline).encode(prompt, None)
        assert text.prompt.dtype == dtype
        assert text.prompt.isfinite().all()


def test_the_same_words_with_another_weight_are_not_encoded_again():
    pipeline = sd1_pipeline()
    encoded: list[int] = []
    pipeline.text_encoder.register_forward_hook(lambda *_: encoded.append(1))
    encoder = sd1(pipeline)
    weighted = encoder.encode("(a cat:1.5)", None)
    plain = encoder.encode("a cat", None)
    assert len(encoded) == 1
    assert torch.equal(plain.prompt, stock_sd1("a cat"))
    assert not torch.equal(weighted.prompt, plain.prompt)


# Windows


def test_break_begins_a_new_window_and_each_window_is_read_alone():
    text = sd1().encode("a cat BREAK (dog:1.2)", None)
    assert (text.tokens, text.chunks) == (7, 2)
    assert torch.equal(text.prompt[:, :LENGTH], stock_sd1("a cat"))
    assert torch.equal(text.prompt[:, LENGTH:], sd1().encode("(dog:1.2)", None).prompt)


@pytest.mark.parametrize(
    ("prompt", "chunks"),
    [("", 1), ("()", 1), ("BREAK", 1), ("a BREAK", 1), ("BREAK a", 2), ("BREAK BREAK", 2)],
)
def test_windows_with_nothing_in_them_are_counted_as_in_automatic1111(prompt, chunks):
    text = sd1().encode(prompt, None)
    assert text.chunks == chunks
    assert text.prompt.shape == (1, chunks * LENGTH, WIDTH)


def test_a_prompt_of_thousands_of_tokens_is_read_to_its_end():
    encoder = sd1()
    one = encoder.encode("(a b c:1.1) " * 1000 + "d", None)
    two = encoder.encode("(a b c:1.1) " * 1000 + "e", None)
    assert one.tokens == 3001
    assert one.chunks == 251
    assert torch.equal(one.prompt[:, :-LENGTH], two.prompt[:, :-LENGTH])
    assert not torch.equal(one.prompt[:, -LENGTH:], two.prompt[:, -LENGTH:])


def test_a_phrase_at_the_end_of_a_window_stays_together():
    text = sd1().encode("aaaaaaaaa, bcde", None)
    assert torch.equal(text.prompt[:, :LENGTH], stock_sd1("aaaaaaaaa,"))
    assert torch.equal(text.prompt[:, LENGTH:], stock_sd1("bcde"))


# What else changes the encoders


def test_an_embedding_is_remembered_for_one_variant_of_the_encoder():
    pipeline = sd1_pipeline()
    encoder = sd1(pipeline)
    plain = encoder.encode("a cat", None).prompt
    adapted = pipeline.text_encoder.encoder.layers[0].mlp.fc1.weight
    adapted += 0.5
    changed = encoder.encode("a cat", None, variant=("ink", 0.5)).prompt
    assert not torch.allclose(plain, changed)
    assert torch.equal(encoder.encode("a cat", None, variant=()).prompt, plain)
    assert torch.equal(encoder.encode("a cat", None, variant=("ink", 0.5)).prompt, changed)
    assert not torch.equal(encoder.encode("a cat", None, clip_skip=2).prompt, plain)
