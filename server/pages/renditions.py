"""Pictures as phones want them: smaller, or in another format, kept in memory and on disk.

A rendition takes a core for as long as its picture is large. Few are made at once, one at a time
of one picture, and in few widths; who would wait long is asked to come back.
"""

from __future__ import annotations

import io
import logging
from collections import OrderedDict
from threading import Event, Lock, Thread
from typing import Any, Literal, cast

from flask import Flask, current_app
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jobs.pictures.image_store import ImageStore
from jobs.pictures.turns import Turns
from jobs.recipes.provenance import PNG_KEYWORD
from jobs.recipes.recipes import INFOTEXT, exif_with
from jobs.settings import settings
from server.pages.kept_renditions import KeptRenditions, Rendition
from server.resources import of

log = logging.getLogger(__name__)

EXTENSION = "darkroom_renditions"

Format = Literal["png", "jpeg", "webp"]

CACHE_BYTES = 32 * 1024 * 1024
"""Memory for renditions: a screen full of thumbnails for every device in the house."""

QUALITY = 90
"""Of JPEG and WebP: no difference to see on a phone, a tenth of the PNG's size."""

METHOD = 0
"""Of WebP: at most a tenth more bytes than its default for the same difference, in a quarter of the
time."""

GAP = 2.0
"""How much larger than wanted a picture is averaged to before it is resized with care."""

ANY_WIDTH = 2**20
"""Wider than any picture."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"eXIf")
"""Chunks of a PNG that may say how it was made."""

SWEEP_EVERY = 3600.0
"""Seconds between two looks for renditions of pictures that somebody else deleted."""


class Renditions:
    """Makes and remembers renditions of stored pictures: in memory, and on disk where it may."""

    def __init__(self, store: ImageStore, on_disk: KeptRenditions | None = None) -> None:
        self._store = store
        self._on_disk = on_disk
        self._kept: OrderedDict[Rendition, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        self._turns = Turns()

    @property
    def kept_bytes(self) -> int:
        """Memory that the kept renditions take."""
        return self._bytes

    def get(self, image: str, format: Format, width: int | None) -> bytes:
        """The picture in this format, at most `width` pixels wide, never enlarged.

        Raises FileNotFoundError, OSError where the store does not give it, or Busy.
        """
        if format == "png" and width is None:
            return self._store.read(image)
        # Another replica may have deleted it since; and nobody waits for what is not there.
        self._store.size(image)
        width = width and step(width)
        key = Rendition(image, format, width)
        if kept := self._find(key):
            return kept
        with self._turns.take(image):
            # Whoever was at this picture before may have made the same of it.
            if kept := self._find(key):
                return kept
            made = render(self._store.read(image), format, width)
            self._keep(key, made)
            if self._on_disk:
                self._on_disk.keep(key, made)
        return made

    def get_plain(self, image: str, format: Format, width: int | None) -> bytes:
        """The same without its recipe, whatever its size. Raises as `get` does."""
        if format != "png":
            # What is asked for by its width carries none.
            return self.get(image, format, width or ANY_WIDTH)
        return without_recipe(self.get(image, format, width))

    def forget(self, image: str) -> None:
        """Keep nothing of this picture: it was deleted."""
        with self._lock:
            for key in [key for key in self._kept if key.image == image]:
                self._bytes -= len(self._kept.pop(key))
        if self._on_disk:
            self._on_disk.forget(image)

    def sweep(self) -> None:
        """Keep nothing of pictures that somebody else deleted. Raises OSError where the store is
        away."""
        for image in self._on_disk.images() if self._on_disk else ():
            try:
                self._store.size(image)
            except FileNotFoundError:
                self.forget(image)

    def sweep_until(self, leaving: Event) -> None:
        """Sweep now and then until this is set."""
        while not leaving.wait(SWEEP_EVERY):
            try:
                self.sweep()
            except OSError as error:
                log.warning("renditions of deleted pictures were not looked for: %s", error)

    def _find(self, key: Rendition) -> bytes | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        kept = self._on_disk.read(key) if self._on_disk else None
        if kept:
            self._keep(key, kept)
        return kept

    def _keep(self, key: Rendition, made: bytes) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._bytes += len(made)
            while self._bytes > CACHE_BYTES:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped)


def init_app(app: Flask) -> None:
    """Give the application its renditions; they are made as they are asked for."""
    chosen, here = settings(), of(app)
    limit = chosen.renditions_mb * 1_000_000
    on_disk = KeptRenditions(chosen.data / "renditions", limit) if limit else None
    made = app.extensions[EXTENSION] = Renditions(here.store, on_disk)
    if on_disk:
        Thread(target=made.sweep_until, args=(here.leaving,), name="sweep", daemon=True).start()


def current_renditions() -> Renditions:
    """The renditions of the application that serves this request."""
    return cast("Renditions", current_app.extensions[EXTENSION])


def step(width: int) -> int:
    """The largest width that is made and not above this one: 1, 2, 3, 4, 6, 8, 12, 16 and so on."""
    power = 1 << (width.bit_length() - 1)
    return power + power // 2 if width >= power + power // 2 else power


def render(png: bytes, format: Format, width: int | None, quality: int = QUALITY) -> bytes:
    """A PNG in another format, at most `width` wide; the same bytes if that changes nothing.

    One of full size keeps its recipe, in EXIF as AUTOMATIC1111 has it. All keep what says that a
    machine made the picture, and nothing else: no EXIF, no profile, no text of the original's.
    """
    with Image.open(io.BytesIO(png)) as source:
        narrower = width is not None and width < source.width
        if format == "png" and not narrower:
            return png
        picture = source if format != "jpeg" else _on_white(source)
        if narrower and width is not None:
            height = max(1, round(source.height * width / source.width))
            picture = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=GAP)
        out = io.BytesIO()
        options: dict[str, Any] = {} if format == "png" else {"quality": quality}
        if format == "webp":
            options["method"] = METHOD
        # A thumbnail is for looking at; a picture of full size goes on to other programs.
        recipe = source.info.get(INFOTEXT)
        if width is None and isinstance(recipe, str) and (exif := exif_with(recipe)):
            options["exif"] = exif
        if isinstance(xmp := source.info.get("xmp"), bytes):
            options |= {"pnginfo": _text(xmp)} if format == "png" else {"xmp": xmp}
        picture = picture.copy()
        picture.info = {}
        picture.save(out, format, **options)
        return out.getvalue()


def without_recipe(png: bytes) -> bytes:
    """The same PNG without what its texts say of how it was made, but that a machine did."""
    kept, at = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while at < len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4])
        chunk = png[at:end]
        if chunk[4:8] not in TEXTS or chunk[8:].startswith(f"{PNG_KEYWORD}\0".encode()):
            kept.append(chunk)
        at = end
    return b"".join(kept)


def _text(xmp: bytes) -> PngInfo:
    text = PngInfo()
    text.add_itxt(PNG_KEYWORD, xmp.decode("utf-8", errors="replace"))
    return text


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    flat = Image.new("RGBA", picture.size, "white")
    flat.alpha_composite(picture.convert("RGBA"))
    return flat.convert("RGB")
