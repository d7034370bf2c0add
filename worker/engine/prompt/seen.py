"""A prompt and the pictures that it speaks of, as a language model with eyes reads them."""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, cast

import torch
from PIL import Image

from worker.engine.ground.transfer import sent
from worker.engine.prompt.chat import ChatReader
from worker.engine.prompt.text_encoder import TextEncoder
from worker.engine.request import Picture

PLACE = "<|image_pad|>"
"""Stands in a template for a picture, and in a text once for each token that it becomes."""

REMEMBERED = 4
"""Sets of pictures whose texts are remembered: the pictures of one job, and of a few others."""


class SeeingReader:
    """Makes readers of texts that speak of pictures.

    `processor` is transformers' image processor of the `encoder`. A template has PLACE for each
    picture; `drop` and `most` are those of a ChatReader, without the pictures' tokens. Some
    encoders are `told` where in its picture each token stands.
    """

    def __init__(
        self, encoder: TextEncoder, processor: Any, most: int, drop: int, *, told: bool = False
    ) -> None:
        self._encoder = encoder
        self._processor = processor
        self._most = most
        self._drop = drop
        self._told = told
        self._readers: OrderedDict[bytes, ChatReader] = OrderedDict()

    def reader(self, template: tuple[str, str], pictures: Sequence[Picture]) -> ChatReader:
        """What reads texts about these pictures; it remembers what it has read."""
        digest = sha256(repr((template, [each.shape for each in pictures])).encode())
        for each in pictures:
            digest.update(each.tobytes())
        key = digest.digest()
        if key not in self._readers:
            self._readers[key] = self._made(template, pictures)
            if len(self._readers) > REMEMBERED:
                self._readers.popitem(last=False)
        self._readers.move_to_end(key)
        return self._readers[key]

    def _made(self, template: tuple[str, str], pictures: Sequence[Picture]) -> ChatReader:
        images = [Image.fromarray(each) for each in pictures]
        seen = self._processor(images=images, return_tensors="pt")
        grid: torch.Tensor = seen["image_grid_thw"]
        merged = self._processor.merge_size**2
        patches = cast("list[int]", grid.prod(dim=-1).tolist())
        counts = [each // merged for each in patches]
        first, *rest = template[0].split(PLACE)
        before = first + "".join(
            PLACE * count + part for count, part in zip(counts, rest, strict=True)
        )
        model = self._encoder.model
        pixels: torch.Tensor = seen["pixel_values"].to(model.dtype)

        def embed(ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
            read = model(
                position_ids=_standing(model, ids, grid) if self._told else None,
                input_ids=ids,
                attention_mask=mask,
                pixel_values=pixels.to(ids.device),
                image_grid_thw=grid.to(ids.device),
                output_hidden_states=True,
                use_cache=False,
            )
            return read.hidden_states[-1]

        most = self._most + sum(counts)
        return ChatReader(self._encoder, (before, template[1]), most, embed, drop=self._drop)


def _standing(model: Any, ids: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Where each token stands by time, line and column: worked out on the CPU, number by number."""
    here = ids.cpu()
    kinds = (here == model.config.image_token_id).int()
    places, _ = model.get_rope_index(here, kinds, image_grid_thw=grid)
    return sent(places, ids.device)
