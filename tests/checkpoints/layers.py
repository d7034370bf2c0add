"""The layers of the networks that checkpoints hold, by the names and shapes of their tensors:
Stability's own (ldm, sgm), written down from those networks and not from what diffusers reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

Shape = tuple[int, ...]
Layer = Iterator[tuple[str, Shape]]


@dataclass(frozen=True)
class Unet:
    """A UNet of ldm: `depths` of the transformers at each level, `adm` of what is told beside."""

    channels: int
    mults: tuple[int, ...]
    depths: tuple[int, ...]
    middle: int
    text: int
    linear: bool
    takes: int = 4
    adm: int = 0

    def shapes(self) -> dict[str, Shape]:
        return dict(self._layers())

    def controlnet(self) -> dict[str, Shape]:
        """The ControlNet for it, as its inventors name it."""
        down = ("time_embed.", "label_emb.", "input_blocks.", "middle_block.")
        shapes = {name: shape for name, shape in self.shapes().items() if name.startswith(down)}
        hints = (3, 16, 16, 32, 32, 96, 96, 256, self.channels)
        for number, (reads, wide) in enumerate(pairwise(hints)):
            shapes |= dict(conv(f"input_hint_block.{2 * number}", wide, reads))
        skips = self._skips()
        for number, width in enumerate(skips):
            shapes |= dict(conv(f"zero_convs.{number}.0", width, width, 1))
        return shapes | dict(conv("middle_block_out.0", skips[-1], skips[-1], 1))

    def _skips(self) -> list[int]:
        """The channels of what each block hands over to the way up."""
        widths = [self.channels]
        for level, mult in enumerate(self.mults):
            last = level == len(self.mults) - 1
            widths += [mult * self.channels] * (2 if last else 3)
        return widths

    def _layers(self) -> Layer:
        time = 4 * self.channels
        yield from linear("time_embed.0", time, self.channels)
        yield from linear("time_embed.2", time, time)
        if self.adm:
            yield from linear("label_emb.0.0", time, self.adm)
            yield from linear("label_emb.0.2", time, time)
        yield from conv("input_blocks.0.0", self.channels, self.takes)
        width, block, skips = self.channels, 1, [self.channels]
        for level, (mult, depth) in enumerate(zip(self.mults, self.depths, strict=True)):
            for _ in range(2):
                wider = mult * self.channels
                yield from self._resnet(f"input_blocks.{block}.0", width, wider)
                width = wider
                if depth:
                    yield from self._transformer(f"input_blocks.{block}.1", width, depth)
                skips.append(width)
                block += 1
            if level < len(self.mults) - 1:
                yield from conv(f"input_blocks.{block}.0.op", width, width)
                skips.append(width)
                block += 1
        yield from self._resnet("middle_block.0", width, width)
        yield from self._transformer("middle_block.1", width, self.middle)
        yield from self._resnet("middle_block.2", width, width)
        block = 0
        for level in reversed(range(len(self.mults))):
            wider, depth = self.mults[level] * self.channels, self.depths[level]
            for layer in range(3):
                yield from self._resnet(f"output_blocks.{block}.0", width + skips.pop(), wider)
                width = wider
                if depth:
                    yield from self._transformer(f"output_blocks.{block}.1", width, depth)
                if level and layer == 2:
                    at = f"output_blocks.{block}.{2 if depth else 1}.conv"
                    yield from conv(at, width, width)
                block += 1
        yield from norm("out.0", width)
        yield from conv("out.2", 4, width)

    def _resnet(self, at: str, width: int, wider: int) -> Layer:
        yield from norm(f"{at}.in_layers.0", width)
        yield from conv(f"{at}.in_layers.2", wider, width)
        yield from linear(f"{at}.emb_layers.1", wider, 4 * self.channels)
        yield from norm(f"{at}.out_layers.0", wider)
        yield from conv(f"{at}.out_layers.3", wider, wider)
        if width != wider:
            yield from conv(f"{at}.skip_connection", wider, width, 1)

    def _transformer(self, at: str, width: int, depth: int) -> Layer:
        yield from norm(f"{at}.norm", width)
        for end in ("proj_in", "proj_out"):
            if self.linear:
                yield from linear(f"{at}.{end}", width, width)
            else:
                yield from conv(f"{at}.{end}", width, width, 1)
        for number in range(depth):
            block = f"{at}.transformer_blocks.{number}"
            for attention, reads in (("attn1", width), ("attn2", self.text)):
                yield f"{block}.{attention}.to_q.weight", (width, width)
                yield f"{block}.{attention}.to_k.weight", (width, reads)
                yield f"{block}.{attention}.to_v.weight", (width, reads)
                yield from linear(f"{block}.{attention}.to_out.0", width, width)
            yield from linear(f"{block}.ff.net.0.proj", 8 * width, width)
            yield from linear(f"{block}.ff.net.2", width, 4 * width)
            for each in (1, 2, 3):
                yield from norm(f"{block}.norm{each}", width)


def autoencoder_shapes(
    channels: int = 32, mults: tuple[int, ...] = (1, 2, 4, 4)
) -> dict[str, Shape]:
    """The autoencoder of all of these families."""
    return dict(_autoencoder(channels, mults))


def _autoencoder(channels: int, mults: tuple[int, ...]) -> Layer:
    widths = [channels * mult for mult in mults]
    yield from conv("encoder.conv_in", channels, 3)
    width = channels
    for level, wider in enumerate(widths):
        for block in range(2):
            yield from _vae_block(f"encoder.down.{level}.block.{block}", width, wider)
            width = wider
        if level < len(widths) - 1:
            yield from conv(f"encoder.down.{level}.downsample.conv", width, width)
    yield from _vae_middle("encoder", width)
    yield from conv("encoder.conv_out", 8, width)
    yield from conv("decoder.conv_in", width, 4)
    yield from _vae_middle("decoder", width)
    for level in reversed(range(len(widths))):
        for block in range(3):
            yield from _vae_block(f"decoder.up.{level}.block.{block}", width, widths[level])
            width = widths[level]
        if level:
            yield from conv(f"decoder.up.{level}.upsample.conv", width, width)
    yield from norm("decoder.norm_out", width)
    yield from conv("decoder.conv_out", 3, width)
    yield from conv("quant_conv", 8, 8, 1)
    yield from conv("post_quant_conv", 4, 4, 1)


def _vae_block(at: str, width: int, wider: int) -> Layer:
    yield from norm(f"{at}.norm1", width)
    yield from conv(f"{at}.conv1", wider, width)
    yield from norm(f"{at}.norm2", wider)
    yield from conv(f"{at}.conv2", wider, wider)
    if width != wider:
        yield from conv(f"{at}.nin_shortcut", wider, width, 1)


def _vae_middle(part: str, width: int) -> Layer:
    yield from _vae_block(f"{part}.mid.block_1", width, width)
    yield from norm(f"{part}.mid.attn_1.norm", width)
    for each in ("q", "k", "v", "proj_out"):
        yield from conv(f"{part}.mid.attn_1.{each}", width, width, 1)
    yield from _vae_block(f"{part}.mid.block_2", width, width)
    if part == "encoder":
        yield from norm("encoder.norm_out", width)


def clip_shapes(width: int = 64, layers: int = 12) -> dict[str, Shape]:
    """OpenAI's text encoder, as transformers names it."""
    return dict(_clip(width, layers))


def _clip(width: int, layers: int) -> Layer:
    yield "embeddings.position_ids", (1, 77)
    yield "embeddings.token_embedding.weight", (49408, width)
    yield "embeddings.position_embedding.weight", (77, width)
    for number in range(layers):
        layer = f"encoder.layers.{number}"
        for each in ("k_proj", "v_proj", "q_proj", "out_proj"):
            yield from linear(f"{layer}.self_attn.{each}", width, width)
        yield from norm(f"{layer}.layer_norm1", width)
        yield from linear(f"{layer}.mlp.fc1", 4 * width, width)
        yield from linear(f"{layer}.mlp.fc2", width, 4 * width)
        yield from norm(f"{layer}.layer_norm2", width)
    yield from norm("final_layer_norm", width)


def open_clip_shapes(width: int = 64, layers: int = 24) -> dict[str, Shape]:
    """OpenCLIP's text encoder, as it names it itself."""
    return dict(_open_clip(width, layers))


def _open_clip(width: int, layers: int) -> Layer:
    yield "positional_embedding", (77, width)
    yield "text_projection", (width, width)
    yield "logit_scale", ()
    yield "token_embedding.weight", (49408, width)
    for number in range(layers):
        layer = f"transformer.resblocks.{number}"
        yield from norm(f"{layer}.ln_1", width)
        yield f"{layer}.attn.in_proj_weight", (3 * width, width)
        yield f"{layer}.attn.in_proj_bias", (3 * width,)
        yield from linear(f"{layer}.attn.out_proj", width, width)
        yield from norm(f"{layer}.ln_2", width)
        yield from linear(f"{layer}.mlp.c_fc", 4 * width, width)
        yield from linear(f"{layer}.mlp.c_proj", width, 4 * width)
    yield from norm("ln_final", width)


def linear(at: str, wide: int, reads: int) -> Layer:
    yield f"{at}.weight", (wide, reads)
    yield f"{at}.bias", (wide,)


def conv(at: str, wide: int, reads: int, side: int = 3) -> Layer:
    yield f"{at}.weight", (wide, reads, side, side)
    yield f"{at}.bias", (wide,)


def norm(at: str, width: int) -> Layer:
    yield f"{at}.weight", (width,)
    yield f"{at}.bias", (width,)
