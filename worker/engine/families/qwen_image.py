"""Qwen-Image (arXiv 2508.02324): a language model reads, an autoencoder of videos draws."""

from collections.abc import Hashable, Mapping

import torch

from worker.engine.families.model import Text
from worker.engine.families.transformer import (
    Parts,
    Reader,
    TransformerModel,
    lengths,
    packed,
    unpacked,
)
from worker.engine.parts.autoencoder import Autoencoder
from worker.engine.parts.rows import Pair, Rows
from worker.engine.prompt.chat import ChatReader
from worker.engine.request import ImageRequest
from worker.engine.trace.attention import Layout

TEMPLATE = (
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity,"
    " text, spatial relationships of the objects and background:<|im_end|>\n<|im_start|>user\n",
    "<|im_end|>\n<|im_start|>assistant\n",
)
"""What the language model is told to do with a prompt; and its tokens that are not kept."""
TEMPLATE_TOKENS = 34

MOST = 1024 + TEMPLATE_TOKENS

NOTHING = " "
"""What guidance leads away from where nothing else is said: an empty text has no tokens."""


class FrameAutoencoder(Autoencoder):
    """An AutoencoderKLQwenImage, for which a picture is a film of one frame."""

    @property
    def channels(self) -> int:
        return self.vae.config.z_dim

    @property
    def scale(self) -> int:
        return 2 ** len(self.vae.config.temperal_downsample)

    @property
    def scaling(self) -> float:
        return 1.0

    def posterior(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, deviation = super().posterior(pixels.unsqueeze(2))
        return mean[:, :, 0], deviation[:, :, 0]

    def raw_decoded(self, latents: torch.Tensor) -> torch.Tensor:
        return super().raw_decoded(latents.unsqueeze(2))[:, :, 0]


class QwenImage(TransformerModel):
    """The QwenImageTransformer2DModel with Qwen2.5-VL; prompts of different lengths share forwards
    where they are filled up to the same one."""

    autoencoder_class = FrameAutoencoder

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        encoder = parts.text_encoder()
        if encoder is None:
            raise ValueError("Qwen-Image has a text encoder.")
        self._reader_model = encoder.model
        self._reader = ChatReader(encoder, TEMPLATE, MOST, self._embed, drop=TEMPLATE_TOKENS)

    @property
    def readers(self) -> Mapping[str, Reader]:
        return {"text_encoder": self._reader}

    @property
    def window(self) -> int:
        return self._reader.window

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        self.refuse_clip_skip(request)
        prompt, *negative = self.texts(request)
        with self._visits.of(self._reader_model):
            read = self._reader.read_all([prompt, *(text or NOTHING for text in negative)], variant)
        return Text(
            {
                "encoder_hidden_states": Pair(*(each.hidden for each in read)),
                "encoder_hidden_states_mask": Pair(*(each.mask for each in read)),
            },
            read[0].tokens,
        )

    def layout(self, rows: Rows, row: int) -> Layout:
        """The words first, and the picture behind them."""
        ahead = rows.inputs["encoder_hidden_states"].shape[1]
        return Layout(ahead, self.places(rows))

    def forward(self, rows: Rows) -> torch.Tensor:
        count, _, height, width = rows.latents.shape
        inputs = {"guidance": None, **rows.inputs}
        inputs["encoder_hidden_states_mask"] = rows.inputs["encoder_hidden_states_mask"] > 0
        predicted = self.transformer(
            hidden_states=packed(rows.latents),
            timestep=rows.timesteps / 1000,
            img_shapes=[[(1, height // 2, width // 2)]] * count,
            return_dict=False,
            **inputs,
        )[0]
        return unpacked(predicted, height, width)

    def guide(
        self, without: torch.Tensor, towards: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        """Each token keeps the length that it has with the prompt alone."""
        guided = packed(super().guide(without, towards, scale))
        kept = lengths(packed(towards)) / lengths(guided)
        return unpacked(guided * kept, *without.shape[-2:])

    def _embed(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        read = self._reader_model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        return read.hidden_states[-1]
