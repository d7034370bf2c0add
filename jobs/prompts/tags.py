"""`<lora:name:0.8>` in a prompt: AUTOMATIC1111's way to ask for a LoRA."""

from __future__ import annotations

import re

TAG = re.compile(r"<\s*lora\s*:([^<>]*)>", re.IGNORECASE)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.ASCII)


def split_lora_tags(prompt: str) -> tuple[str, list[tuple[str, float]]]:
    """The prompt without its tags, otherwise as it was, and each LoRA's name and weight.

    A weight that is left out is 1. Of two weights, AUTOMATIC1111's for text encoder and UNet
    (`<lora:name:0.8:0.5>`, `<lora:name:te=0.8:unet=0.5>`), the first holds for both. A LoRA that
    is named twice comes once, in its first place, with the sum of its weights. What is no tag of
    this kind (`<hypernet:...>`, a weight that is no number, no name) stays in the prompt.
    """
    weights: dict[str, float] = {}

    def take(tag: re.Match[str]) -> str:
        lora = _read(tag[1])
        if lora is None:
            return tag[0]
        name, weight = lora
        weights[name] = round(weights[name] + weight, 6) if name in weights else weight
        return ""

    return TAG.sub(take, prompt), list(weights.items())


def _read(inside: str) -> tuple[str, float] | None:
    name, *options = (part.strip() for part in inside.split(":"))
    written = re.sub(r"^(te|unet)\s*=\s*", "", options[0]) if options else ""
    if not name or (written and not NUMBER.fullmatch(written)):
        return None
    return name, float(written or 1)
