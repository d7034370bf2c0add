"""What a network answered, and what is made of it beside a sampler's step."""

from dataclasses import dataclass

import torch

from worker.engine.sampling.sampler import Sampler


@dataclass(frozen=True)
class Prediction:
    """The last forward of one task: views of the batch's tensors. `without` is the answer without
    the prompt, where there is one."""

    scaled: torch.Tensor
    noise: torch.Tensor
    timestep: float
    without: torch.Tensor | None = None


@dataclass(frozen=True)
class Answers:
    """The last forward of a batch: what the network was shown of each task with its prompt, what
    was made of its answers, and for the first ones, which are guided, the answer without."""

    scaled: torch.Tensor
    noise: torch.Tensor
    without: torch.Tensor

    def to(self, row: int, timestep: float) -> Prediction:
        """Those to one task."""
        here = slice(row, row + 1)
        without = self.without[here].float() if row < len(self.without) else None
        return Prediction(self.scaled[here].float(), self.noise[here], timestep, without)


@dataclass(frozen=True)
class Repaint:
    """What an inpainted image is held to: outside `mask` (1, 1, h, w; 1 is repainted), at each
    step, the `original` latents with as much of the `noise` as the step has.

    With `differential` a level of the mask is the share of the walk, its end, in which that part
    is free (Levin and Fried 2023, arXiv 2306.00950).
    """

    original: torch.Tensor
    noise: torch.Tensor
    mask: torch.Tensor
    differential: bool = False

    def held(self, latents: torch.Tensor, sampler: Sampler) -> torch.Tensor:
        """The latents after a step, with what is not free put back."""
        free = self.mask
        if self.differential:
            walked = sampler.index / len(sampler)
            free = ((free > 0) & (free >= 1 - walked)).to(free.dtype)
        kept = sampler.noised(self.original, self.noise)
        return free * latents + (1 - free) * kept


def renoised(sampler: Sampler, last: Prediction) -> torch.Tensor:
    """What a step with the noise that there is without the prompt ends beside one with the guided
    noise: the picture is the guided one all the same (CFG++, arXiv 2406.08070, algorithm 2)."""
    signal, level = sampler.levels(last.timestep)

    def noise(answer: torch.Tensor) -> torch.Tensor:
        return (last.scaled - signal * sampler.denoised(last.scaled, answer, last.timestep)) / level

    if last.without is None:
        raise RuntimeError("A picture without guidance has no answer without the prompt.")
    nothing = torch.zeros_like(last.noise)
    return sampler.noised(nothing, noise(last.without) - noise(last.noise))
