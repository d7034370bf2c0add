"""Requests and cards that the tests of jobs/ share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.request.model_card import ModelCard
from jobs.request.request import GenerationRequest, ResolvedRequest
from jobs.request.resolve import resolve
from tests.card import make_card


@pytest.fixture
def card() -> ModelCard:
    return make_card(
        name="emoji", width=128, height=128, factor=32, steps=30, guidance_scale=4.0, window=18
    )


@pytest.fixture
def ask(card: ModelCard) -> Callable[..., ResolvedRequest]:
    """Makes a resolved request from fields."""

    def make(**fields: Any) -> ResolvedRequest:
        return resolve(GenerationRequest(**{"prompt": "red apple"} | fields), [card])

    return make
