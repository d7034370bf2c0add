"""A task is one image on its way: its request, its latents, its own sampler and generator."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeVar

import numpy as np
import torch

from .errors import InvalidRequest
from .model import LoadedModel
from .prompt import Conditioning
from .sampler import Sampler, make_sampler

T = TypeVar("T")
Picture = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class ImageRequest:
    """One image: what it shows, how large, and by which walk from which noise."""

    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    seed: int
    sampler: str

    @property
    def guided(self) -> bool:
        """Whether the image takes a second row for classifier-free guidance (2207.12598)."""
        return self.guidance_scale > 1


class Stage(IntEnum):
    """What a task needs next."""

    MODEL = 0
    ENCODE = 1
    DENOISE = 2
    DECODE = 3
    DONE = 4


@dataclass(frozen=True)
class BatchKey:
    """Tasks with equal keys may share a UNet forward: same weights, same tensor shapes.

    A condition that changes the weights (a LoRA set) or adds inputs (a ControlNet) is a field
    more here, and one more tensor in `Batch.gather`.
    """

    model: str
    height: int
    width: int
    chunks: int


@dataclass(frozen=True)
class Prediction:
    """The last UNet forward of one task, kept for previews: views of the batch's tensors."""

    scaled: torch.Tensor
    noise: torch.Tensor
    timestep: float


@dataclass(eq=False)
class Task:
    """The only lasting state of an image. Batches are made from tasks and thrown away."""

    id: str
    request: ImageRequest
    deadline: float | None = None
    stage: Stage = Stage.MODEL
    canceled: bool = False
    last_advanced: int = 0
    model: LoadedModel | None = None
    conditioning: Conditioning | None = None
    generator: torch.Generator = field(default_factory=torch.Generator)
    sampler: Sampler | None = None
    latents: torch.Tensor | None = None
    prediction: Prediction | None = None
    key: BatchKey | None = None
    image: Picture | None = None
    error: Exception | None = None

    @property
    def rows(self) -> int:
        """Rows of a UNet forward that one step of this task takes."""
        return 2 if self.request.guided else 1

    def encode(self) -> None:
        """Reads the prompts: fills `conditioning`."""
        request, model = self.request, ready(self.model)
        negative = request.negative_prompt if request.guided else None
        self.conditioning = model.prompts.encode(request.prompt, negative)

    def prepare(self) -> None:
        """Draws the noise and lays out the schedule: fills `sampler`, `latents` and `key`.

        The noise is drawn on the CPU in fp32 from the image's own seed, so it is the same
        whatever the device, the dtype and the batch.
        """
        request, model = self.request, ready(self.model)
        height, width = self._latent_side("height"), self._latent_side("width")
        self.sampler = make_sampler(request.sampler, model.scheduler_config, request.steps)
        self.generator.manual_seed(request.seed)
        noise = torch.randn(1, model.latent_channels, height, width, generator=self.generator)
        self.latents = noise.to(model.device) * self.sampler.initial_sigma
        self.key = BatchKey(model.name, height, width, ready(self.conditioning).chunks)
        self.stage = Stage.DENOISE

    def advance(self, prediction: Prediction) -> None:
        """Takes one denoising step with the predicted noise, which guidance has been applied to."""
        sampler = ready(self.sampler)
        self.prediction = prediction
        self.latents = sampler.step(prediction.noise, ready(self.latents), self.generator)
        if sampler.done:
            self.stage = Stage.DECODE

    def finish(self, image: Picture) -> None:
        self.image = image
        self.stage = Stage.DONE

    def fail(self, error: Exception) -> None:
        self.error = error
        self.stage = Stage.DONE

    def preview(self) -> Picture | None:
        """RGB of what the last forward predicts, one pixel a latent pixel; None before it."""
        if self.prediction is None or self.model is None or self.sampler is None:
            return None
        last = self.prediction
        return self.model.preview(self.sampler.denoised(last.scaled, last.noise, last.timestep))

    def _latent_side(self, side: str) -> int:
        pixels: int = getattr(self.request, side)
        factor = ready(self.model).factor
        if pixels < factor or pixels % factor:
            nearest = max(factor, round(pixels / factor) * factor)
            raise InvalidRequest(
                f"{side}: {pixels} is not a multiple of {factor}; the nearest is {nearest}."
            )
        return pixels // factor


def ready(part: T | None) -> T:
    """`part`, which an earlier stage has filled."""
    if part is None:
        raise RuntimeError("A stage ran before the one that fills what it needs.")
    return part
