"""HiDream (arXiv 2505.22705): two CLIPs, T5 and every layer of Llama, for a mixture of experts."""

import re
from collections.abc import Hashable, Mapping

import torch

from worker.engine.errors import InvalidRequest
from worker.engine.families.model import Text
from worker.engine.families.transformer import Parts, Reader, TransformerModel
from worker.engine.parts.rows import Pair, Rows
from worker.engine.prompt.clip import ClipReader
from worker.engine.prompt.sequence import SequenceReader
from worker.engine.request import ImageRequest
from worker.engine.sampling.flow import Course
from worker.engine.trace.attention import Layout

LENGTHS = (128,)


class HiDream(TransformerModel):
    """The HiDreamImageTransformer2DModel with its four text encoders."""

    looks = re.compile(r"(double|single)_stream_blocks\.\d+\.block\.attn1")

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.patch = self.transformer.config.patch_size
        clip, second, t5, llama = (parts.text_encoder(number) for number in (1, 2, 3, 4))
        if clip is None or second is None or t5 is None or llama is None:
            raise ValueError("HiDream has four text encoders.")
        # What a text is filled up with is read too, and this is what its pipeline fills up with.
        llama.tokenizer.pad_token = llama.tokenizer.eos_token
        self._clips = [ClipReader(each, penultimate=True) for each in (clip, second)]
        self._t5, self._llama = t5.model, llama.model
        self._words = SequenceReader(t5, LENGTHS, self._embed_words)
        left = llama.tokenizer.padding_side == "left"
        self._layers = SequenceReader(llama, LENGTHS, self._embed_layers, left=left)
        self._encoders = [each.model for each in (clip, second, t5, llama)]

    @property
    def readers(self) -> Mapping[str, Reader]:
        """Words are followed by the tokens of T5, which alone stand one by one behind the picture
        in every block."""
        return {"text_encoder_3": self._words}

    def layout(self, rows: Rows, row: int) -> Layout:
        """The picture first, filled up to the largest where it is no square, and the words of T5
        behind it."""
        height, width = rows.latents.shape[-2:]
        places = self.places(rows)
        return Layout(0, places, places if height == width else self.transformer.max_seq)

    @property
    def window(self) -> int:
        return min(self._words.window, self._layers.window)

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        self.refuse_clip_skip(request)
        texts = self.texts(request)
        with self._visits.of(*self._encoders):
            words = [self._words.read(text, variant=variant) for text in texts]
            layers = [self._layers.read(text, variant=variant) for text in texts]
            pooled = [
                torch.cat([clip.read(text, 1, variant).pooled for clip in self._clips], dim=-1)
                for text in texts
            ]
        return Text(
            {
                "encoder_hidden_states_t5": Pair(*(each.hidden for each in words)),
                "encoder_hidden_states_llama3": Pair(*(each.hidden for each in layers)),
                "pooled_embeds": Pair(*pooled),
            },
            max(words[0].tokens, layers[0].tokens),
        )

    def forward(self, rows: Rows) -> torch.Tensor:
        inputs = dict(rows.inputs)
        layers = inputs.pop("encoder_hidden_states_llama3")
        width = self._llama.config.hidden_size
        inputs["encoder_hidden_states_llama3"] = layers.unflatten(-1, (-1, width)).movedim(2, 0)
        return -self.transformer(
            hidden_states=rows.latents, timesteps=rows.timesteps, return_dict=False, **inputs
        )[0]

    def course(self, steps: int, width: int, height: int) -> Course:
        most: int = self.transformer.max_seq
        if self.tokens(width, height) > most:
            raise InvalidRequest(
                f"width, height: {self.name} draws pictures of up to {most * self.factor**2}"
                f" pixels, not {width}x{height}."
            )
        dynamic = self.scheduler_config.get("use_dynamic_shifting")
        return Course(steps, mu=self._shift(most) if dynamic else None)

    def _shift(self, tokens: int) -> float:
        """As of the largest picture: diffusers' pipeline draws none of another size."""
        return 0.5 + (tokens - 256) * (1.15 - 0.5) / (4096 - 256)

    def _embed_words(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        return self._t5(ids, attention_mask=mask)[0]

    def _embed_layers(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Every layer's output of a token, one behind the other."""
        read = self._llama(ids, attention_mask=mask, output_hidden_states=True)
        return torch.cat(read.hidden_states[1:], dim=-1)
