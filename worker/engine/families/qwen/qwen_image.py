"""Qwen-Image (arXiv 2508.02324): a language model reads, an autoencoder of videos draws.

Those that edit are shown each picture twice: the language model reads it with the prompt, and its
latents are more tokens beside those that are drawn.
"""

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

import torch
from diffusers.models.transformers.transformer_qwenimage import QwenDoubleStreamAttnProcessor2_0

from worker.engine.backends.network import predicted
from worker.engine.families.model import Text
from worker.engine.families.one_reader import OneReader
from worker.engine.families.qwen.frames import FrameAutoencoder
from worker.engine.families.qwen.shown import AREA, shaped
from worker.engine.families.transformer import (
    Parts,
    grid_of,
    lengths,
    packed,
    take_shown,
    unpacked,
)
from worker.engine.parts.control import ControlRows, Samples, behind_each, block_samples
from worker.engine.parts.rows import Pair, Rows
from worker.engine.parts.upscaler import lanczos
from worker.engine.prompt.chat import ChatReader
from worker.engine.prompt.seen import PLACE, SeeingReader
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

EDIT_TEMPLATE = (
    "<|im_start|>system\nDescribe the key features of the input image (color, shape, size, texture,"
    " objects, background), then explain how the user's text instruction should alter or modify the"
    " image. Generate a new image that meets the user's requirements while maintaining consistency"
    " with the original input where appropriate.<|im_end|>\n<|im_start|>user\n",
    TEMPLATE[1],
)
EDIT_TEMPLATE_TOKENS = 64
PICTURE = f"<|vision_start|>{PLACE}<|vision_end|>"

READ_AREA = 384 * 384
"""Pixels at which the language model of those that take several pictures is shown one."""

SEVERAL = "QwenImageEditPlusPipeline"

NOTHING = " "
"""What guidance leads away from where nothing else is said: an empty text has no tokens."""


class Told:
    """Runs an attention, told which `words` (n, tokens) there are. Told itself, the transformer
    would have the device count them for nothing, and wait at each step."""

    def __init__(self) -> None:
        self._inner: Any = QwenDoubleStreamAttnProcessor2_0()

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        encoder_hidden_states_mask: None = None,
        attention_mask: None = None,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
        words: torch.Tensor | None = None,
    ) -> Any:
        return self._inner(
            attn, hidden_states, encoder_hidden_states, words, image_rotary_emb=image_rotary_emb
        )


def told(
    transformer: Any, grids: Sequence[tuple[int, int]], words: torch.Tensor, **inputs: Any
) -> torch.Tensor:
    """The transformer's prediction for tokens that are pictures of such grids, behind `words`."""
    shapes = [(1, *grid) for grid in grids]
    # Of one row: what it makes of them holds for all.
    return predicted(transformer, img_shapes=[shapes], attention_kwargs={"words": words}, **inputs)


class QwenImage(OneReader[ChatReader]):
    """The QwenImageTransformer2DModel with Qwen2.5-VL; prompts of different lengths share forwards
    where they are filled up to the same one."""

    run = staticmethod(told)
    autoencoder_class = FrameAutoencoder

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        encoder = parts.only_text_encoder("Qwen-Image")
        self._reader_model = encoder.model
        for block in self.transformer.transformer_blocks:
            block.attn.set_processor(Told())
        self._reader = ChatReader(encoder, TEMPLATE, MOST, self._embed, drop=TEMPLATE_TOKENS)
        self._several = parts.pipeline == SEVERAL
        processor = parts.components.get("image_processor")
        most = MOST - TEMPLATE_TOKENS + EDIT_TEMPLATE_TOKENS
        self._seeing = processor and SeeingReader(encoder, processor, most, EDIT_TEMPLATE_TOKENS)

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        self.refuse_clip_skip(request)
        prompt, *negative = self.texts(request)
        with self._visits.of(self._reader_model):
            texts = [prompt, *(text or NOTHING for text in negative)]
            read = self._reader_of(request).read_all(texts, variant)
        return Text(
            {
                "encoder_hidden_states": Pair(*(each.hidden for each in read)),
                "encoder_hidden_states_mask": Pair(*(each.mask for each in read)),
            },
            read[0].tokens,
        )

    @property
    def control_reads(self) -> Sequence[str]:
        return ("encoder_hidden_states", "encoder_hidden_states_mask")

    def layout(self, rows: Rows, row: int) -> Layout:
        """The words first, and the picture behind them."""
        ahead = rows.inputs["encoder_hidden_states"].shape[1]
        return Layout(ahead, self.places(rows))

    def _reader_of(self, request: ImageRequest) -> ChatReader:
        """What reads the request's texts, with the pictures that they speak of."""
        if not request.references or self._seeing is None:
            return self._reader
        area = READ_AREA if self._several else AREA
        pictures = [
            lanczos(each, *shaped(area, each.shape[1], each.shape[0]))
            for each in request.references
        ]
        named = "Picture {}: " if self._several else ""
        said = "".join(named.format(n + 1) + PICTURE for n in range(len(pictures)))
        before, after = EDIT_TEMPLATE
        return self._seeing.reader((before + said, after), pictures)

    def shown_size(self, width: int, height: int) -> tuple[int, int]:
        return shaped(AREA, width, height)

    def forward(self, rows: Rows) -> torch.Tensor:
        height, width = rows.latents.shape[-2:]
        inputs: dict[str, Any] = dict(rows.inputs)
        added = block_samples(rows.controls, len(rows), partial(self._ask, rows))
        if added:
            inputs["controlnet_block_samples"] = added[0]
        words = inputs.pop("encoder_hidden_states_mask") > 0
        pictures = [rows.latents, *take_shown(inputs)]
        sequence = torch.cat([packed(each) for each in pictures], dim=1)
        answer = self._network(
            hidden_states=sequence,
            grids=[grid_of(each) for each in pictures],
            words=words,
            timestep=rows.timesteps / 1000,
            **{"guidance": None, **inputs},
        )
        return unpacked(answer[:, : height * width // 4], height, width)

    def _ask(
        self, rows: Rows, each: ControlRows, weights: torch.Tensor
    ) -> Sequence[Samples | None]:
        rows, prompt = rows.only(each.places), each.prompts
        count, _, height, width = rows.latents.shape
        found = each.control.net(
            hidden_states=packed(rows.latents),
            controlnet_cond=packed(each.pictures),
            conditioning_scale=weights,
            encoder_hidden_states=prompt["encoder_hidden_states"],
            encoder_hidden_states_mask=prompt["encoder_hidden_states_mask"] > 0,
            timestep=rows.timesteps / 1000,
            img_shapes=[[(1, height // 2, width // 2)]] * count,
            return_dict=False,
        )
        return [behind_each(list(found), len(self.transformer.transformer_blocks))]

    def guide(
        self, without: torch.Tensor, towards: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        """Each token keeps the length that it has with the prompt alone."""
        guided = packed(super().guide(without, towards, scale))
        kept = lengths(packed(towards)) / lengths(guided)
        return unpacked(guided * kept, *without.shape[-2:])

    def _embed(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        read = self._reader_model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        return read.hidden_states[-1]
