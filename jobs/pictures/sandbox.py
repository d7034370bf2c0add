"""Strangers' pictures are decoded in a process of its own, with little memory and little time.

A decoder that a crafted file breaks (it crashes, hangs, or asks for all the memory there is) takes
nothing with it but that one process; the caller is told that the picture cannot be decoded.
"""

from __future__ import annotations

import atexit
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Lock, Timer
from typing import IO, Any, Literal

from jobs.machine_settings import REPOSITORY
from jobs.pictures.pictures import BadPicture, too_large
from jobs.pictures.turns import Turns
from jobs.sentences import Wording, worded
from jobs.settings import settings

SECONDS = 60.0
"""A photograph of 50 megapixels takes four on one core; a busy machine has others to serve."""

BASE_BYTES = 384 * 1024 * 1024
PIXEL_BYTES = 28
"""Address space: what the interpreter and the codecs' threads map, and what a pixel takes in the
worst case. Measured: 110 MB, and 18 bytes for an animated WebP, whose decoder has two canvases;
noise as PNG takes 6 more. tests/input/test_bombs.py measures it again."""

HEAD = struct.Struct(">II")
"""Of each message: the bytes of its JSON and of what follows it."""

KEPT = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "LANG")
"""All of the environment that a decoder sees beside its limits: no token, no password."""

Want = Literal["picture", "mask", "whole", "texts"]
"""`whole` is the picture with its transparency, where it has any; the others have none."""


@dataclass(frozen=True)
class Decoded:
    """A picture as PNG with its size in pixels, whether some of what came was `transparent`, and of
    a mask its darkest and lightest level; or only the texts by name that it carries."""

    width: int = 0
    height: int = 0
    png: bytes = b""
    texts: dict[str, str] | None = None
    levels: tuple[int, int] | None = None
    transparent: bool = False


class Decoders:
    """The decoding processes of this process: one is kept between pictures, more come and go."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._turns = Turns()
        self._lock = Lock()
        self._idle: subprocess.Popen[bytes] | None = None

    def decode(self, data: bytes, want: Want) -> Decoded:
        """The picture in the bytes. Raises BadPicture, within `seconds` of its turn, or Busy."""
        limit = settings().max_upload
        if len(data) > limit:
            raise BadPicture(too_large(limit, len(data)))
        with self._turns.take(object()):
            child = self._take()
            over = Event()
            try:
                with _killed_after(self._seconds, child, over):
                    send(_pipe(child.stdin), {"want": want}, data)
                    head, png = receive(_pipe(child.stdout))
            except (OSError, EOFError):
                _end(child)
                if over.is_set():
                    detail = f"takes more than {self._seconds:.0f} s to decode"
                else:
                    detail = "cannot be decoded: the decoder broke off"
                raise BadPicture(detail) from None
            except BaseException:
                _end(child)
                raise
            self._give_back(child)
        if "error" in head:
            wording = head["wording"] and Wording(**head["wording"])
            raise BadPicture(worded(head["error"], wording))
        return Decoded(**head, png=png)

    def close(self) -> None:
        """End the process that is kept; another picture starts one again."""
        with self._lock:
            child, self._idle = self._idle, None
        if child is not None:
            _end(child)

    def _take(self) -> subprocess.Popen[bytes]:
        with self._lock:
            child, self._idle = self._idle, None
        if child is not None and child.poll() is None:
            return child
        if child is not None:
            _end(child)
        return _start()

    def _give_back(self, child: subprocess.Popen[bytes]) -> None:
        with self._lock:
            if self._idle is None:
                self._idle = child
                return
        _end(child)


DECODERS = Decoders()
atexit.register(DECODERS.close)


def decode(data: bytes, want: Want) -> Decoded:
    """The picture in the bytes, decoded elsewhere. Raises BadPicture, or Busy."""
    return DECODERS.decode(data, want)


def memory_limit() -> int:
    """Bytes of address space of a decoding process."""
    limits = settings()
    return BASE_BYTES + PIXEL_BYTES * limits.max_picture_pixels + 3 * limits.max_upload


def _start() -> subprocess.Popen[bytes]:
    limits = settings()
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {
        "PYTHONPATH": str(REPOSITORY),
        "MAX_PICTURE_PIXELS": str(limits.max_picture_pixels),
        "MAX_UPLOAD": str(limits.max_upload),
        # Each arena of glibc's reserves 64 MB of addresses.
        "MALLOC_ARENA_MAX": "2",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.pictures.decoder"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Codecs print what they find in a file, and a file can say anything.
        stderr=subprocess.DEVNULL,
        env=environment,
        # Ctrl-C is for the server; this process ends when its input does.
        start_new_session=True,
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not sent yet has nobody to go to
                pipe.close()
    child.wait()


@contextmanager
def _killed_after(seconds: float, child: subprocess.Popen[bytes], over: Event) -> Iterator[None]:
    """Kills the child when its time is over, and says so by the event."""

    def kill() -> None:
        over.set()
        child.kill()

    timer = Timer(seconds, kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise OSError("the decoder has no pipe")
    return pipe


def send(pipe: IO[bytes], head: dict[str, Any], body: bytes) -> None:
    """Write a message: JSON, and the bytes that it is about."""
    said = json.dumps(head).encode()
    pipe.write(HEAD.pack(len(said), len(body)) + said)
    pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """The next message. Raises EOFError where the other side is gone."""
    said, body = HEAD.unpack(_exactly(pipe, HEAD.size))
    return json.loads(_exactly(pipe, said)), _exactly(pipe, body)


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data
