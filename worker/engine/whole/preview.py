"""What a pipeline that runs whole is heading for: its predicted picture, small."""

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from worker.engine.preview import LatentPreview
from worker.engine.request import Picture

# Multistep schedulers that keep what each forward predicted, as the picture itself or as noise.
PREDICTS_PICTURE = {"algorithm_type": ("dpmsolver++", "sde-dpmsolver++"), "predict_x0": (True,)}


class WholePreview:
    """Latents of a pipeline, as its step callback shows them, to colours.

    For pipelines whose autoencoder decodes one latent picture (1, C, h, w), packed into a
    sequence (Flux, Qwen-Image) or not; every other has no preview.
    """

    def __init__(self, pipeline: Any, colours: LatentPreview, channels: int) -> None:
        self._pipeline = pipeline
        self._colours = colours
        self._channels = channels

    @classmethod
    def fit(cls, pipeline: Any) -> "WholePreview | None":
        """Fits the colours to the pipeline's own decoder, in some tenths of a second, or None."""
        vae = getattr(pipeline, "vae", None)
        channels = latent_channels(vae)
        if vae is None or channels is None:
            return None
        # Of dozens of autoencoders some decode in a way of their own: they go without a preview.
        try:
            return cls(pipeline, LatentPreview.fit(Decoder(vae), channels, vae.device), channels)
        except Exception:
            return None

    def __call__(self, latents: torch.Tensor, width: int, height: int) -> Picture | None:
        """RGB in uint8, one pixel a latent pixel; None for latents in another form."""
        latents = self.unpacked(latents, width, height)
        if latents.ndim != 4 or latents.shape[1] != self._channels:
            return None
        return self._colours(latents[:1])

    def unpacked(self, latents: torch.Tensor, width: int, height: int) -> torch.Tensor:
        """Latents (1, C, h, w) of a sequence of patches, or of a video of one frame."""
        unpack: Any = getattr(self._pipeline, "_unpack_latents", None)
        if latents.ndim == 3 and unpack is not None:
            known = {"vae_scale_factor": self._pipeline.vae_scale_factor}
            names = inspect.signature(unpack).parameters
            latents = unpack(
                latents, height, width, **{k: v for k, v in known.items() if k in names}
            )
        return latents[:, :, 0] if latents.ndim == 5 else latents


def latent_channels(vae: Any) -> int | None:
    """Channels of the latents that an autoencoder decodes, where its config says so."""
    config = getattr(vae, "config", None)
    return getattr(config, "latent_channels", None) or getattr(config, "z_dim", None)


class Decoder:
    """An autoencoder behind the normalization that its pipeline undoes before it decodes."""

    def __init__(self, vae: Any) -> None:
        self._vae = vae
        config = vae.config
        self._scale: float = getattr(config, "scaling_factor", None) or 1.0
        self._shift: float = getattr(config, "shift_factor", None) or 0.0
        self._mean: list[float] = getattr(config, "latents_mean", None) or [0.0]
        self._deviation: list[float] = getattr(config, "latents_std", None) or [1.0]
        # Autoencoders of video models, which take a frame axis, name their channels so.
        self._frames = hasattr(config, "z_dim")

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """Pictures (n, 3, height, width) of latents (n, C, h, w)."""
        mean, deviation = (
            torch.tensor(numbers).view(1, -1, 1, 1).to(latents)
            for numbers in (self._mean, self._deviation)
        )
        latents = latents * deviation / self._scale + mean + self._shift
        latents = latents.to(self._vae.dtype)
        if not self._frames:
            return self._vae.decode(latents, return_dict=False)[0]
        return self._vae.decode(latents.unsqueeze(2), return_dict=False)[0][:, :, 0]


class Watch:
    """What a scheduler was last given and made of it: references, so that looking costs nothing."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._given: inspect.BoundArguments | None = None
        self._made: Any = None

    def keep(self, given: inspect.BoundArguments, made: Any) -> None:
        self._given, self._made = given, made

    def predicted(self, latents: torch.Tensor) -> torch.Tensor:
        """The picture (x0) that the last forward points at, or `latents` where nothing tells."""
        if self._given is None:
            return latents
        sample, output = self._given.arguments["sample"], self._given.arguments["model_output"]
        candidates = [*self._told(), *self._kept(), *self._straight(sample, output)]
        fitting = [one for one in candidates if isinstance(one, torch.Tensor)]
        return next((one for one in fitting if one.shape == latents.shape), latents)

    def _told(self) -> Iterator[Any]:
        """Most schedulers return it beside the next sample."""
        if isinstance(self._made, tuple):
            yield from self._made[1:2]
        else:
            yield getattr(self._made, "pred_original_sample", None)

    def _kept(self) -> Iterator[Any]:
        """Multistep ones keep it for their next step."""
        config = self._scheduler.config
        if any(getattr(config, key, None) in values for key, values in PREDICTS_PICTURE.items()):
            yield from getattr(self._scheduler, "model_outputs", [])[-1:]

    def _straight(self, sample: torch.Tensor, output: torch.Tensor) -> Iterator[torch.Tensor]:
        """Flow matching goes straight (arXiv 2209.03003): x0 lies a whole sigma away."""
        index = getattr(self._scheduler, "step_index", None)
        if type(self._scheduler).__name__.startswith("FlowMatch") and index:
            yield sample - self._scheduler.sigmas[index - 1] * output


@contextmanager
def watched(scheduler: Any) -> Iterator[Watch]:
    """Watches a scheduler's steps, which stay what they are."""
    watch = Watch(scheduler)
    if not hasattr(scheduler, "step"):
        yield watch
        return
    step = scheduler.step
    signature = inspect.signature(step)

    @functools.wraps(step)
    def step_and_keep(*args: Any, **kwargs: Any) -> Any:
        made = step(*args, **kwargs)
        watch.keep(signature.bind(*args, **kwargs), made)
        return made

    scheduler.step = step_and_keep
    try:
        yield watch
    finally:
        del scheduler.step
