"""When a compiled network's answers count as the plain one's."""

from __future__ import annotations

import pytest
import torch

from worker.engine.backends.network import Network
from worker.engine.backends.trial import distance, within

NETWORK = Network(torch.nn.Linear(1, 1))


@pytest.mark.parametrize(
    ("right", "answer", "agree"),
    [
        (torch.ones(4), torch.full((4,), 1 + 1e-6), True),
        (torch.ones(4), torch.full((4,), 1.01), False),
        (torch.ones(4), torch.full((4,), torch.nan), False),
        # A network that begins as nothing, as a ControlNet's last layers do, answers with zeros.
        (torch.zeros(4), torch.zeros(4), True),
        (torch.zeros(4), torch.full((4,), 1e-6), False),
        (torch.zeros(4), torch.full((4,), torch.nan), False),
    ],
)
def test_answers_agree_within_what_the_weights_allow(
    right: torch.Tensor, answer: torch.Tensor, agree: bool
):
    assert bool(distance(answer, right) <= within(NETWORK)) is agree
