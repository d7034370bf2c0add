"""Steps of many pictures at once, each by its own line of its own walk."""

from collections.abc import Sequence

import numpy as np
import torch

from worker.engine.ground.transfer import sent
from worker.engine.sampling.walk import (
    INPUTS,
    LATENTS,
    MATRIX,
    NOISE,
    OUTPUTS,
    PREDICTION,
    SCALE,
    TIMESTEP,
    Line,
)


class Steps:
    """The steps that so many pictures take next: a line each, in one tensor on the device.

    A picture's state is (1 + m, C, h, w): its latents, and behind them what its sampler remembers.
    """

    def __init__(self, lines: Sequence[Line], device: torch.device) -> None:
        self.lines = lines
        numbers = np.concatenate([line.numbers for line in lines])
        self._numbers = sent(torch.from_numpy(numbers), device).view(len(lines), -1)
        self._remembers = max(line.remembers for line in lines)

    @property
    def drawing(self) -> list[int]:
        """Which of the pictures draw noise."""
        return [at for at, line in enumerate(self.lines) if line.draws]

    @property
    def timesteps(self) -> torch.Tensor:
        """(n,), as the network takes them."""
        return self._numbers[:, TIMESTEP]

    def scaled(self, state: torch.Tensor) -> torch.Tensor:
        """The network's inputs for states (n, 1 + m, C, h, w): of unit variance, whatever sigma."""
        return state[:, 0] * self._numbers[:, SCALE].view(-1, 1, 1, 1)

    def after(
        self,
        state: torch.Tensor,
        predicted: torch.Tensor,
        noise: torch.Tensor | None,
        *,
        exact: bool = False,
    ) -> torch.Tensor:
        """The states after the step; `noise` is there where any of these draws some.

        Where it is `exact` a picture's comes out equal to the bit whatever it is stepped with.
        """
        parts = [predicted[:, None], state]
        if noise is not None:
            parts.insert(0, noise[:, None])
        inputs = torch.cat(parts, dim=1)
        matrix = self._numbers[:, MATRIX:].view(-1, OUTPUTS, INPUTS)
        first = PREDICTION if noise is None else NOISE
        matrix = matrix[:, : 1 + self._remembers, first : LATENTS + state.shape[1]]
        flat = inputs.flatten(2)
        found = _one_by_one(matrix, flat) if exact else torch.bmm(matrix, flat)
        return found.view(len(state), -1, *state.shape[2:])


def _one_by_one(matrix: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """The product in an order that does not hang on the shapes; adding nothing changes nothing."""
    total = matrix[:, :, :1] * inputs[:, :1]
    for column in range(1, inputs.shape[1]):
        total = total + matrix[:, :, column : column + 1] * inputs[:, column : column + 1]
    return total


class Stack:
    """The states of pictures that step together, (n, 1 + m, C, h, w), kept in one tensor for as
    long as they do."""

    def __init__(self, states: torch.Tensor) -> None:
        self.states = states

    def __len__(self) -> int:
        return len(self.states)

    def latents(self, row: int) -> torch.Tensor:
        """Those of one of the pictures, (1, C, h, w)."""
        return self.states[row : row + 1, 0]


def stacked(rows: Sequence[tuple[Stack, int]]) -> Stack:
    """One stack of these rows of others; the same where they are all of it, in their order. Who
    remembers less has zeros in its place."""
    first = rows[0][0]
    if len(first) == len(rows) and all(
        stack is first and row == at for at, (stack, row) in enumerate(rows)
    ):
        return first
    states = [stack.states[row : row + 1] for stack, row in rows]
    most = max(state.shape[1] for state in states)
    return Stack(torch.cat([_filled(state, most) for state in states]))


def _filled(state: torch.Tensor, most: int) -> torch.Tensor:
    missing = most - state.shape[1]
    if not missing:
        return state
    nothing = state.new_zeros(len(state), missing, *state.shape[2:])
    return torch.cat([state, nothing], dim=1)
