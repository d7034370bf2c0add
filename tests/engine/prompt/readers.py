"""Tiny text encoders, read by the engine and by stock diffusers."""

from __future__ import annotations

import torch

from tests.tiny.text import WINDOW, sd1_pipeline, sdxl_pipeline
from worker.engine.prompt.prompt import PromptEncoder
from worker.engine.prompt.text_encoder import TextEncoder

LENGTH = WINDOW + 2


def sd1(pipeline=None) -> PromptEncoder:
    pipeline = pipeline or sd1_pipeline()
    return PromptEncoder([TextEncoder(pipeline.tokenizer, pipeline.text_encoder)])


def sdxl(pipeline=None, zero_empty_negative: bool = False) -> PromptEncoder:
    pipeline = pipeline or sdxl_pipeline()
    encoders = [
        TextEncoder(pipeline.tokenizer, pipeline.text_encoder),
        TextEncoder(pipeline.tokenizer_2, pipeline.text_encoder_2),
    ]
    return PromptEncoder(encoders, penultimate=True, zero_empty_negative=zero_empty_negative)


def stock_sd1(prompt: str, clip_skip: int | None = None) -> torch.Tensor:
    pipeline = sd1_pipeline()
    # diffusers looks for the final norm where transformers 4 had it.
    vars(pipeline.text_encoder)["text_model"] = pipeline.text_encoder
    return pipeline.encode_prompt(prompt, "cpu", 1, False, clip_skip=clip_skip)[0]


def stock_sdxl(prompt: str, negative: str | None = "", **options):
    return sdxl_pipeline().encode_prompt(prompt, device="cpu", negative_prompt=negative, **options)


def emphasized(embeddings: torch.Tensor, weights: list[float]) -> torch.Tensor:
    """AUTOMATIC1111's EmphasisOriginal; begin, end and padding count 1."""
    padded = torch.tensor([1.0, *weights, *[1.0] * (LENGTH - 1 - len(weights))])
    weighted = embeddings * padded[None, :, None]
    return weighted * (embeddings.mean() / weighted.mean())
