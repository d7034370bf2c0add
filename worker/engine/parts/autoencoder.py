"""Between pixels and latents: the autoencoder's two directions, in little memory if need be."""

import logging
from collections.abc import Callable
from copy import copy
from math import isqrt
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from worker.engine.backends.network import Network
from worker.engine.errors import NotFinite, say
from worker.engine.ground.transfer import sent
from worker.engine.memory.device import release_memory, settle, starved
from worker.engine.parts.layout import lay_out
from worker.engine.parts.seamless import wrap_for_good
from worker.engine.parts.tiling import in_tiles, tile_sides
from worker.engine.parts.visits import Visits
from worker.engine.request import Mask, Picture, Tiling

log = logging.getLogger(__name__)


MARGIN = 16
"""Latent pixels of the other edge that an autoencoder is shown which does not wrap."""


def _decoded(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    return vae.decode(latents, return_dict=False)[0]


class Autoencoder:
    """A diffusers AutoencoderKL behind the normalization that its configuration states.

    `vae` is that object, `tiny` an AutoencoderTiny that decodes in its place. What other
    autoencoders do otherwise is a class of its own that derives from this one.
    """

    def __init__(self, vae: Any, visits: Visits, tiny: Any | None = None) -> None:
        self.vae = vae
        self._visits = visits
        self._tiny = tiny
        if visits.none:
            lay_out(vae, visits.device)
        self._decoder = Network(vae, run=_decoded, aside=True)
        self._seamless: dict[Tiling, Autoencoder] = {}
        self._plain: tuple[Autoencoder, Tiling] | None = None

    def of(self, vae: Any) -> "Autoencoder":
        """The same for other weights."""
        return type(self)(vae, self._visits)

    def seamless(self, tiling: Tiling) -> "Autoencoder":
        """The same on the same weights, whose pictures' edges meet where `tiling` says."""
        if tiling == "none":
            return self
        if tiling not in self._seamless:
            other = copy(self)
            other.vae = Network(self.vae).twin()
            other._tiny = self._tiny and Network(self._tiny).twin()
            for each in filter(None, (other.vae, other._tiny)):
                wrap_for_good(each, tiling)
            other._decoder = Network(other.vae, run=_decoded)
            other._plain = self, tiling
            self._seamless[tiling] = other
        return self._seamless[tiling]

    @property
    def networks(self) -> tuple[Network, ...]:
        """Those whose calls may run another way than the plain one."""
        return (self._decoder,) if self._visits.none else ()

    @property
    def channels(self) -> int:
        """Channels of a latent pixel."""
        return self.vae.config.latent_channels

    @property
    def scale(self) -> int:
        """Pixels a latent pixel."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    def pixels(self, picture: Picture) -> torch.Tensor:
        """The picture (height, width, 3) as (1, 3, height, width) in -1 to 1, on the device."""
        moved = sent(torch.from_numpy(picture), self._visits.device).permute(2, 0, 1)[None].float()
        return moved / 127.5 - 1

    def encode(self, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Latents (1, C, h, w) in fp32 of pixels, sampled from their posterior as diffusers does.

        The draw is made on the CPU in fp32, so it is the same on every device and in every dtype.
        """
        with self._visits.of(self.vae):
            mean, deviation = self._in_tiles_if_need_be(
                lambda: self._in_range(
                    lambda: self.posterior(pixels.to(self.vae.dtype)),
                    lambda found: all(each is None or _is_finite(each) for each in found),
                ),
                max(pixels.shape[-2:]) // self.scale,
            )
            if deviation is not None:
                noise = sent(torch.randn(mean.shape, generator=generator), mean.device)
                mean = mean + deviation * noise
            # While it is here: some have their statistics among their weights.
            return self._normalized(mean)

    def likeliest(self, pixels: torch.Tensor, *, normalized: bool = True) -> torch.Tensor:
        """Latents in fp32 of pixels, without a draw: the middle of their posterior. Networks that
        are shown a picture to edit are shown these."""
        with self._visits.of(self.vae):
            mean, _ = self._in_tiles_if_need_be(
                lambda: self.posterior(pixels.to(self.vae.dtype)),
                max(pixels.shape[-2:]) // self.scale,
            )
            return self._normalized(mean) if normalized else mean

    def decode(self, latents: torch.Tensor) -> Picture:
        """The picture (height, width, 3) in uint8, in one transfer. Raises NotFinite."""
        if self._tiny is not None:
            decoded = self._tiny.decode(latents.to(self._tiny.dtype), return_dict=False)[0]
            return to_picture(decoded, latents)
        if self._plain is not None:
            return self._decode_seamless(*self._plain, latents)
        with self._visits.of(self.vae):
            decoded = self._in_tiles_if_need_be(
                lambda: self.decoded(latents), max(latents.shape[-2:])
            )
        return to_picture(decoded, latents)

    @property
    def goes_aside(self) -> bool:
        """Whether `numbers` can be made beside other work of the device."""
        return self._plain is None and self._visits.none

    def numbers(self, latents: torch.Tensor) -> torch.Tensor:
        """All of `decode` but its waits: the picture's bytes, and one that says whether the decoder
        stayed within its numbers."""
        if self._tiny is not None:
            return _bytes(self._tiny.decode(latents.to(self._tiny.dtype), return_dict=False)[0])
        return _bytes(
            self._in_tiles_if_need_be(lambda: self._raw(latents), max(latents.shape[-2:]))
        )

    def taken(self, numbers: torch.Tensor, latents: torch.Tensor) -> Picture:
        """The picture of these numbers, which came to the host. Raises NotFinite."""
        if not numbers[-1] and self._tiny is None and self.vae.dtype == torch.float16:
            # By the way on which it is decoded in float32, where that is what it takes.
            return self.decode(latents)
        height, width = latents.shape[-2:]
        scale = isqrt(len(numbers) // 3 // (height * width))
        return _picture(numbers, latents, (height * scale, width * scale))

    def _decode_seamless(
        self, plain: "Autoencoder", tiling: Tiling, latents: torch.Tensor
    ) -> Picture:
        """The whole at once, or where memory ends by the plain one, which is shown some of the
        other edges beyond these: tiles would each meet themselves."""
        try:
            with self._visits.of(self.vae):
                return to_picture(self.decoded(latents), latents)
        except Exception as error:
            starved(error)
        release_memory()
        height, width = latents.shape[-2:]
        beside = min(MARGIN, width) if tiling in ("x", "both") else 0
        above = min(MARGIN, height) if tiling in ("y", "both") else 0
        wider = functional.pad(latents, (beside, beside, above, above), mode="circular")
        left, top = beside * self.scale, above * self.scale
        picture = plain.decode(wider)
        whole = picture[top : top + height * self.scale, left : left + width * self.scale]
        return np.ascontiguousarray(whole)

    def decoded(self, latents: torch.Tensor) -> torch.Tensor:
        """Pixels (n, 3, height, width), about -1 to 1, of latents (n, C, h, w)."""
        return self._in_range(
            lambda: self._raw(latents),
            lambda decoded: _is_finite(decoded) or not _is_finite(latents),
        )

    def _raw(self, latents: torch.Tensor) -> torch.Tensor:
        return self.raw_decoded(self._denormalized(latents).to(self.vae.dtype))

    # What another autoencoder does otherwise

    def posterior(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Mean and deviation of what the pixels may be, in fp32 and not normalized yet; None for
        the deviation where nothing is to be drawn."""
        found = self.vae.encode(pixels).latent_dist
        return found.mean.float(), found.std.float()

    def raw_decoded(self, latents: torch.Tensor) -> torch.Tensor:
        """Pixels of latents that are not normalized any more."""
        return self._decoder(latents)

    @property
    def scaling(self) -> float:
        """What latents are multiplied by, after their mean was taken away."""
        return self.vae.config.scaling_factor

    def statistics(
        self, latents: torch.Tensor
    ) -> tuple[torch.Tensor | float, torch.Tensor | float]:
        """Mean and deviation: of each channel, which some of SDXL's autoencoders state, or of
        all, as Stable Diffusion 3's and Flux's do."""
        config = self.vae.config
        if getattr(config, "latents_mean", None) is None:
            return getattr(config, "shift_factor", None) or 0.0, 1.0
        numbers = (config.latents_mean, config.latents_std)
        mean, deviation = (
            sent(torch.tensor(each), latents.device).view(1, -1, 1, 1) for each in numbers
        )
        return mean, deviation

    def _in_range(self, work: Callable[[], Any], is_fine: Callable[[Any], bool]) -> Any:
        """The work in the dtype of the weights, or where that ends in numbers that half precision
        has none for, in fp32: SDXL's first autoencoder and some fine-tuned ones make black
        pictures otherwise. Each picture by itself, so that none depends on those before it."""
        found = work()
        dtype = self.vae.dtype
        if dtype != torch.float16 or is_fine(found):
            return found
        log.warning("an autoencoder leaves the range of float16; it works in float32 instead")
        # Another picture may be decoded beside this with the weights that go.
        settle(self._visits.device)
        self.vae.float()
        try:
            return work()
        finally:
            # Nothing is lost on the way back: each weight was one of half precision.
            self.vae.to(dtype)

    def _in_tiles_if_need_be(self, work: Callable[[], Any], longest: int) -> Any:
        """The work on the whole picture, or where memory ends in overlapping tiles, as large as
        there is room for; `longest` is the longer side of the latents.

        Tiles take less memory, and leave faint differences where they meet.
        """
        try:
            return work()
        except Exception as error:
            failed = starved(error)
        for side in tile_sides(longest):
            # Outside the handler, whose traceback holds the tensors that took the memory.
            release_memory()
            with in_tiles(self.vae, side, self.scale):
                try:
                    return work()
                except Exception as error:
                    failed = starved(error)
        raise failed

    def _normalized(self, latents: torch.Tensor) -> torch.Tensor:
        mean, deviation = self.statistics(latents)
        return (latents - mean) * self.scaling / deviation

    def _denormalized(self, latents: torch.Tensor) -> torch.Tensor:
        mean, deviation = self.statistics(latents)
        return latents * deviation / self.scaling + mean


def _is_finite(numbers: torch.Tensor) -> bool:
    return bool(numbers.isfinite().all())


def latent_mask(mask: Mask, scale: int, device: torch.device) -> torch.Tensor:
    """The mask (1, 1, h, w) of latents to repaint, 1 or 0: each that the mask touches at all."""
    painted = sent(torch.from_numpy(mask), device)[None, None].float() >= 128
    return functional.max_pool2d(painted.float(), scale)


def latent_levels(mask: Mask, scale: int, device: torch.device) -> torch.Tensor:
    """The mask (1, 1, h, w) of latents, each as light as the lightest pixel that it touches."""
    levels = sent(torch.from_numpy(mask), device)[None, None].float() / 255
    return functional.max_pool2d(levels, scale)


def hide_masked(pixels: torch.Tensor, mask: Mask) -> torch.Tensor:
    """The pixels with 0, mid-grey, wherever the mask is white."""
    return pixels * (sent(torch.from_numpy(mask), pixels.device) < 128)


def to_picture(decoded: torch.Tensor, latents: torch.Tensor) -> Picture:
    """RGB (height, width, 3) in uint8 of a decoded (1, 3, height, width) in -1 to 1."""
    return _picture(_bytes(decoded).cpu(), latents, tuple(decoded.shape[-2:]))


def _bytes(decoded: torch.Tensor) -> torch.Tensor:
    """The picture's levels, and whether all was finite: in one copy, since each may make the host
    wait for the device."""
    unit = (decoded.float()[0] / 2 + 0.5).clamp(0, 1)
    pixels = (unit * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
    finite = decoded.isfinite().all().to(torch.uint8)
    return torch.cat([pixels.view(-1), finite.view(1)])


def _picture(numbers: torch.Tensor, latents: torch.Tensor, size: tuple[int, ...]) -> Picture:
    copied = numbers.numpy()
    if not copied[-1]:
        at = "latents" if not _is_finite(latents) else "decoded picture"
        raise NotFinite(
            say(
                "picture-not-finite",
                "The {at} came out as NaN or infinity; another sampler, fewer steps, a lower"
                " guidance_scale or a wider dtype would help.",
                at=at,
            )
        )
    return copied[:-1].reshape(*size, 3)
