"""Flux.2: one language model reads, latents are normalized and packed two by two.

Pictures to edit are more tokens beside those that it draws, each further on in time.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch

from worker.engine.backends.network import predicted
from worker.engine.families.model import Text
from worker.engine.families.one_reader import OneReader
from worker.engine.families.transformer import (
    Parts,
    grid_of,
    packed,
    take_shown,
    unpacked,
)
from worker.engine.parts.autoencoder import Autoencoder
from worker.engine.parts.rows import Pair, Rows
from worker.engine.prompt.sequence import SequenceReader
from worker.engine.prompt.text_encoder import TextEncoder
from worker.engine.request import ImageRequest
from worker.engine.sampling.flow import Course
from worker.engine.trace.attention import Layout

PLACE = "PROMPT"

LENGTHS = (512,)

SYSTEM = (
    "You are an AI that reasons about image descriptions. You give structured responses focusing"
    " on object relationships, object\nattribution and actions without speculation."
)

AREA = 1024 * 1024
"""Pixels at which a picture to edit is shown at most."""

APART = 10
"""How far from each other in time pictures stand."""

LARGE = 4300
"""Tokens of a picture from which on the number of steps makes no difference to its shift."""


class PatchAutoencoder(Autoencoder):
    """An AutoencoderKLFlux2: each place of a patch of 2x2 latent pixels has a mean and a deviation
    of its own, and nothing is drawn."""

    @property
    def scaling(self) -> float:
        return 1.0

    def posterior(self, pixels: torch.Tensor) -> tuple[torch.Tensor, None]:
        return self.vae.encode(pixels).latent_dist.mode().float(), None

    def statistics(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        height, width = latents.shape[-2:]
        known = self.vae.bn
        deviation = (known.running_var + self.vae.config.batch_norm_eps).sqrt()
        mean, deviation = (
            each.float().view(1, -1, 2, 2).repeat(1, 1, height // 2, width // 2)
            for each in (known.running_mean, deviation)
        )
        return mean, deviation


def placed(
    transformer: Any,
    hidden_states: torch.Tensor,
    grids: Sequence[tuple[int, int]],
    encoder_hidden_states: torch.Tensor,
    **inputs: Any,
) -> torch.Tensor:
    """The transformer's prediction for tokens that are pictures of such grids, one after another
    in time."""
    device = hidden_states.device
    where = [places(number * APART, *grid, 1, device) for number, grid in enumerate(grids)]
    return predicted(
        transformer,
        hidden_states=hidden_states,
        encoder_hidden_states=encoder_hidden_states,
        txt_ids=places(0, 1, 1, encoder_hidden_states.shape[1], device),
        img_ids=torch.cat(where),
        **inputs,
    )


class Flux2(OneReader[SequenceReader]):
    """The Flux2Transformer2DModel with Mistral Small (dev), which is told the guidance scale."""

    run = staticmethod(placed)

    autoencoder_class = PatchAutoencoder
    layers: ClassVar[tuple[int, ...]] = (10, 20, 30)
    """Whose outputs side by side are a token's embedding."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        encoder = parts.only_text_encoder("Flux.2")
        self._encoder = encoder.model
        self._reader = self.reader(encoder)

    def reader(self, encoder: TextEncoder) -> SequenceReader:
        """What reads a prompt within the conversation that the language model is used to."""
        said = [_said("system", SYSTEM), _said("user", PLACE)]
        text: str = encoder.tokenizer.apply_chat_template(said, tokenize=False)
        before, after = text.split(PLACE)
        begin = encoder.tokenizer.bos_token
        return SequenceReader(
            encoder,
            LENGTHS,
            self.embed,
            (before, after),
            # A template that begins a text itself is all that stands round it.
            special=not (begin and before.startswith(begin)),
            left=encoder.tokenizer.padding_side == "left",
        )

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        self.refuse_clip_skip(request)
        with self._visits.of(self._encoder):
            read = [self._reader.read(text, variant=variant) for text in self.texts(request)]
        return Text(
            {"encoder_hidden_states": Pair(*(each.hidden for each in read))}, read[0].tokens
        )

    def layout(self, rows: Rows, row: int) -> Layout:
        """The words first, and the picture behind them."""
        ahead = rows.inputs["encoder_hidden_states"].shape[1]
        return Layout(ahead, self.places(rows))

    def forward(self, rows: Rows) -> torch.Tensor:
        inputs = dict(rows.inputs)
        height, width = rows.latents.shape[-2:]
        pictures = [rows.latents, *take_shown(inputs)]
        answer = self._network(
            hidden_states=torch.cat([packed(each) for each in pictures], dim=1),
            grids=[grid_of(each) for each in pictures],
            timestep=rows.timesteps / 1000,
            **{"guidance": None, **inputs},
        )
        return unpacked(answer[:, : height * width // 4], height, width)

    def shown_size(self, width: int, height: int) -> tuple[int, int]:
        """At most a megapixel of it."""
        shrink = min(1.0, (AREA / (width * height)) ** 0.5)
        wide, high = (
            max(1, int(side * shrink) // self.factor) * self.factor for side in (width, height)
        )
        return wide, high

    def noise(self, width: int, height: int, generator: torch.Generator) -> torch.Tensor:
        """Diffusers draws patches."""
        high, wide = self.latent_size(width, height)
        patches = torch.randn(
            1, self.latent_channels * 4, high // 2, wide // 2, generator=generator
        )
        return unpacked(patches.flatten(2).movedim(1, 2), high, wide)

    def course(self, steps: int, width: int, height: int) -> Course:
        mu = empirical_shift(self.tokens(width, height), steps)
        return replace(super().course(steps, width, height), mu=mu, for_all=False)

    def embed(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """What the language model makes of tokens."""
        read = self._encoder(
            input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False
        )
        return torch.cat([read.hidden_states[layer] for layer in self.layers], dim=-1)


class Flux2Klein(Flux2):
    """The Flux2Transformer2DModel with Qwen3: what was distilled takes no guidance."""

    layers = (9, 18, 27)

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._few_steps = bool(parts.options.get("is_distilled"))

    def reader(self, encoder: TextEncoder) -> SequenceReader:
        text: str = encoder.tokenizer.apply_chat_template(
            [{"role": "user", "content": PLACE}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
        )
        before, after = text.split(PLACE)
        left = encoder.tokenizer.padding_side == "left"
        return SequenceReader(encoder, LENGTHS, self.embed, (before, after), left=left)

    def guided(self, request: ImageRequest) -> bool:
        return super().guided(request) and not self._few_steps


def _said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": text}]}


def places(time: int, height: int, width: int, length: int, device: torch.device) -> torch.Tensor:
    """Where each token stands, (height * width * length, 4): time, line, column, word."""
    ranges = (torch.arange(count, device=device) for count in (height, width, length))
    when = torch.full((1,), time, device=device)
    # Not cartesian_prod, which OpenVINO does not know.
    return torch.stack(torch.meshgrid(when, *ranges, indexing="ij"), dim=-1).reshape(-1, 4)


def empirical_shift(tokens: int, steps: int) -> float:
    """How far a schedule is shifted towards noise, as its makers found it: by the tokens of a
    picture, and for all but large ones by the number of steps."""
    many = 0.00016927 * tokens + 0.45666666
    if tokens > LARGE:
        return many
    few = 8.73809524e-05 * tokens + 1.89833333
    return many + (steps - 200) * (many - few) / 190
