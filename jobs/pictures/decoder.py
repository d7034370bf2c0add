"""Decodes strangers' pictures: `python -m jobs.pictures.decoder`, which the sandbox starts."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from typing import Any

from PIL import AvifImagePlugin, Image
from pillow_heif import options as heif_options

from jobs.pictures import pictures
from jobs.pictures.pictures import BadPicture
from jobs.pictures.sandbox import Want, memory_limit, receive, send
from jobs.sentences import wording_of
from jobs.settings import settings

THREADS = 2
"""Of one picture's codec; each has a stack and buffers of its own."""


def restrict(memory: int) -> None:
    """Take from this process what a decoder has no use for."""
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with suppress(ValueError, OSError):  # a system that has no such limit
            resource.setrlimit(limit, (most, most))


def main() -> None:
    """Decode what comes in, until nothing does."""
    restrict(memory_limit())
    # Before a decoder has a canvas made for it: WebP's makes one when the file is opened.
    Image.MAX_IMAGE_PIXELS = settings().max_picture_pixels
    AvifImagePlugin.DEFAULT_MAX_THREADS = THREADS
    heif_options.DECODE_THREADS = THREADS
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            head, data = receive(source)
        except EOFError:
            return
        try:
            said, png = _decoded(data, head["want"])
        except BadPicture as error:
            said, png = _refusal(str(error)), b""
        except MemoryError:
            said, png = _refusal("cannot be decoded: it takes too much memory"), b""
        del data
        send(sink, said, png)


def _refusal(detail: str) -> dict[str, Any]:
    wording = wording_of(detail)
    return {"error": detail, "wording": wording and wording.model_dump()}


def _decoded(data: bytes, want: Want) -> tuple[dict[str, Any], bytes]:
    if want == "texts":
        return {"texts": pictures.texts(data)}, b""
    opened = pictures.open_picture(data)
    match want:
        case "mask":
            plain = pictures.as_mask(opened)
        case "whole":
            plain = opened
        case _:
            plain = pictures.flat(opened)
    seen_through = pictures.is_transparent(opened)
    del opened
    said: dict[str, Any] = {"width": plain.width, "height": plain.height}
    said["transparent"] = seen_through
    if want == "mask":
        said["levels"] = plain.getextrema()
    return said, pictures.png(plain)


if __name__ == "__main__":
    main()
