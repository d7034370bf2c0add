"""Files that are small and ask for much: each is answered soon, and takes little memory."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from jobs.pictures import sandbox
from jobs.pictures.pictures import BadPicture
from jobs.pictures.sandbox import Decoders
from tests.input.corpus import chunk, chunks, drawing, gps_exif, png_of, saved, seeds
from tests.input.test_corpus import check, send
from tests.running.hand_worker import HandWorker
from tests.running.paths import REPOSITORY

SECONDS = 8.0


def webp(*parts: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in parts
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def canvas(width: int, height: int, flags: int) -> tuple[bytes, bytes]:
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return b"VP8X", bytes([flags, 0, 0, 0]) + size


def animated_webp(frames: int, width: int = 1, height: int = 1) -> bytes:
    """A WebP of so many frames, each of one pixel."""
    pixel = saved(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    frame = b"\0" * 12 + b"\x0a\0\0\0" + pixel
    return webp(
        canvas(width, height, 0b10), (b"ANIM", b"\0" * 6), *[(b"ANMF", frame)] * frames
    )  # fmt: skip


def animated_png(frames: int) -> bytes:
    """A PNG that says it has so many frames, and has them."""
    first = list(chunks(saved(Image.new("L", (1, 1)), "PNG")))
    pixels = next(data for name, data in first if name == b"IDAT")
    parts = [first[0], (b"acTL", struct.pack(">II", frames, 0))]
    for number in range(frames):
        head = struct.pack(">IIIIIHHBB", 2 * number, 1, 1, 0, 0, 1, 100, 0, 0)
        body = pixels if number == 0 else struct.pack(">I", 2 * number - 1) + pixels
        parts += [(b"fcTL", head), (b"IDAT" if number == 0 else b"fdAT", body)]
    parts.append((b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in parts)


def jpeg_of(width: int, height: int) -> bytes:
    """A JPEG whose head says another size than its data has."""
    data = bytearray(seeds()["jpeg"])
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def scanned_jpeg(scans: int) -> bytes:
    """A progressive JPEG that goes over its picture so many times."""
    data = seeds()["jpeg-progressive"]
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def resized(name: str, width: int, height: int) -> bytes:
    """A HEIC or AVIF whose box says another size than its stream has."""
    data = bytearray(seeds()[name])
    start = data.index(b"ispe") + 8
    data[start : start + 8] = struct.pack(">II", width, height)
    return bytes(data)


def packed_text(name: bytes, megabytes: int) -> bytes:
    zeros = zlib.compress(b"A" * (megabytes << 20), 9)
    head = b"x\0\0" if name in (b"zTXt", b"iCCP") else b"x\0\1\0\0\0"
    return png_of(8, 8, chunk(name, head + zeros))


def tiff(width: int, height: int) -> bytes:
    """A TIFF of one strip, whose data are missing."""
    tags = ((256, width), (257, height), (258, 8), (259, 5), (262, 1), (273, 8), (278, height))
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in (*tags, (279, 64)))
    return b"II*\0" + struct.pack("<I", 80) + b"\0" * 72 + struct.pack("<H", 8) + body + b"\0" * 4


def icon(png: bytes) -> bytes:
    """An icon that says it is of 16 x 16 pixels, and holds this PNG."""
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(png), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + png


EMPTY = (b"VP8L", b"\x2f" + b"\0" * 9)
MEGABYTE = zlib.compress(b"A" * (1 << 20))
EXIF_PART = b"\xff\xe1" + struct.pack(">H", 65_000) + b"Exif\0\0" + b"x" * 64_992

REFUSED: dict[str, Callable[[], bytes]] = {
    "png of 65535 x 65535": lambda: png_of(65_535, 65_535, rows=1),
    "png of 2 billion x 2 billion": lambda: png_of(2**31 - 1, 2**31 - 1, rows=0),
    "png of 50 million and one pixels": lambda: png_of(50_000_001, 1, rows=0),
    "webp of 16384 x 16384": lambda: webp(canvas(16_384, 16_384, 0), EMPTY),
    "webp of 16 million x 2": lambda: webp(canvas(2**24, 2, 0), EMPTY),
    "animated webp of 16384 x 16384": lambda: animated_webp(3, 16_384, 16_384),
    "jpeg of 65500 x 65500": lambda: jpeg_of(65_500, 65_500),
    "heic of 32768 x 32768": lambda: resized("heic", 32_768, 32_768),
    "heic of 4 billion x 4 billion": lambda: resized("heic", 2**32 - 1, 2**32 - 1),
    "avif of 65536 x 65536": lambda: resized("avif", 65_536, 65_536),
    "zTXt of 200 MB": lambda: packed_text(b"zTXt", 200),
    "iTXt of 200 MB": lambda: packed_text(b"iTXt", 200),
    "iCCP of 200 MB": lambda: packed_text(b"iCCP", 200),
    "a hundred texts of 1 MB": lambda: png_of(
        8,
        8,
        *[chunk(b"zTXt", b"k%d\0\0" % n + MEGABYTE) for n in range(100)],
    ),
    "jpeg of 4000 scans": lambda: scanned_jpeg(4000),
    "gif of 65535 x 65535": lambda: (
        b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + b"\0\0\0" + b"\x2c" + b"\0" * 9 + b";"
    ),
    "bmp of 2 billion x 2 billion": lambda: (
        b"BM" + struct.pack("<IIIIiiHHIIIIII", 90, 0, 54, 40, 2**31 - 1, 2**31 - 1, 1, 24, *[0] * 6)
    ),
    "tiff of 65535 x 65535": lambda: tiff(65_535, 65_535),
    "tiff of 50 million and one pixels": lambda: tiff(50_000_001, 1),
    "icon whose png is larger than its head says": lambda: icon(png_of(20_000, 20_000, rows=1)),
    "zip": lambda: b"PK\3\4" + b"\0" * 200,
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
}

TAKEN: dict[str, Callable[[], bytes]] = {
    "gif of 100000 frames": lambda: (
        b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff"
        + b"\x2c\0\0\0\0\1\0\1\0\0\2\2D\1\0" * 100_000
        + b";"
    ),
    "apng of 100000 frames": lambda: animated_png(100_000),
    "animated webp of 100000 frames": lambda: animated_webp(100_000),
    "png with a zip in a chunk": lambda: png_of(8, 8, chunk(b"ziPp", b"PK\3\4" + b"\0" * 9000)),
    "png with a zip behind it": lambda: png_of(8, 8) + b"PK\3\4" + b"\0" * 9000,
    "png with exif of 20 MB": lambda: png_of(
        8, 8, chunk(b"eXIf", gps_exif().tobytes()[6:] + b"\0" * (20 << 20))
    ),
    "png with 100000 empty texts": lambda: png_of(
        8, 8, *[chunk(b"tEXt", b"k%d\0" % number) for number in range(100_000)]
    ),
    "jpeg with 100 exif parts": lambda: seeds()["jpeg"][:2]
    + EXIF_PART * 100
    + seeds()["jpeg"][2:],
}  # fmt: skip


HEAVY = (
    "iTXt of 200 MB",
    "iCCP of 200 MB",
    "apng of 100000 frames",
    "png with 100000 empty texts",
)
"""What takes seconds to make, where another of its kind is read by default."""


def with_heavy_slow(names: Iterable[str]) -> list[Any]:
    """The names as parameters of a test."""
    return [pytest.param(each, marks=pytest.mark.slow if each in HEAVY else []) for each in names]


@pytest.mark.parametrize("name", with_heavy_slow(REFUSED))
def test_a_bomb_is_refused_soon(client: FlaskClient, worker: HandWorker, store: object, name: str):
    data = REFUSED[name]()
    started = time.monotonic()
    answer = send(client, data)
    assert answer.status_code == 422, answer.text
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize("name", with_heavy_slow(TAKEN))
def test_odd_freight_is_left_behind_soon(client: FlaskClient, worker: HandWorker, store, name: str):
    data = TAKEN[name]()
    started = time.monotonic()
    assert check(client, store, name, data)
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize("name", ["heic", "avif"])
def test_a_size_that_lies_small_gives_no_more_than_it_says(name: str):
    """A box of 8x8 over a stream of another size: refused, or a picture within the limits."""
    try:
        found = sandbox.decode(resized(name, 8, 8), "picture")
    except BadPicture:
        return
    assert found.width * found.height <= 40 * 40


MEASURE = """
import json, sys
from jobs.pictures import decoder
from jobs.pictures.sandbox import memory_limit
decoder.restrict(memory_limit())
for name in sys.argv[2:]:
    said, made = decoder._decoded(open(f"{sys.argv[1]}/{name}", "rb").read(), "picture")
    assert made, name
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps([int(status["VmPeak"].split()[0]) * 1024, memory_limit()]))
"""


def measured(folder: Path, files: dict[str, bytes], pixels: int) -> tuple[int, int]:
    """Peak of address space and its limit, of a process that decodes these files."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "MAX_PICTURE_PIXELS": str(pixels),
        "MALLOC_ARENA_MAX": "2",
    }
    command = [sys.executable, "-c", MEASURE, str(folder), *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr[-2000:]
    peak, limit = map(int, done.stdout.strip().strip("[]").split(","))
    return peak, limit


def worst(width: int, height: int) -> dict[str, bytes]:
    """What takes most memory of what is taken, in the largest size that is taken."""
    noise = Image.effect_noise((width, height), 120)
    flat = drawing(width, height, "RGBA")
    exif = gps_exif().tobytes()
    return {
        "png-16": png_of(width, height, bits=16),
        "png-turned": saved(Image.merge("RGB", [noise] * 3), "PNG", compress_level=1, exif=exif),
        "webp-animated": saved(
            flat, "WEBP", save_all=True, append_images=[flat.rotate(180)], method=0, quality=10
        ),
        "jpeg-cmyk": saved(drawing(width, height, "CMYK"), "JPEG", progressive=True, exif=exif),
    }


@pytest.mark.slow
def test_the_worst_picture_that_is_taken_fits_the_memory_it_is_given(tmp_path: Path):
    peak, limit = measured(tmp_path, worst(3000, 2000), 6_000_000)
    # Within the limit, or it would have failed; and the limit is no idle one.
    assert peak < limit < 384 * 2**20 + 30 * 6_000_000 + 80 * 2**20


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_fifty_megapixels_fit_the_memory_they_are_given(tmp_path: Path):
    files = worst(8000, 6250)
    files["png-turned"] = saved(drawing(8000, 6250), "PNG", exif=gps_exif().tobytes())
    files["heic"] = saved(drawing(8000, 6250), "HEIF", quality=10)
    peak, limit = measured(tmp_path, files, 50_000_000)
    assert peak < limit < 2 * 10**9


def test_a_decoder_that_asks_for_too_much_memory_gives_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
):
    decoders = Decoders()
    data = saved(drawing(6000, 5000), "PNG", compress_level=1)
    environment = {"PYTHONPATH": str(REPOSITORY)}
    code = (
        "from jobs.pictures import decoder\n"
        "decoder.memory_limit = lambda: 150 * 2**20\n"
        "decoder.main()\n"
    )
    monkeypatch.setattr(
        sandbox,
        "_start",
        lambda: subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        ),
    )
    with pytest.raises(BadPicture, match=r"too much memory|broke off"):
        decoders.decode(data, "picture")
    # The next one is none the worse for it.
    assert decoders.decode(seeds()["png"], "picture").png.startswith(b"\x89PNG")
    decoders.close()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import time; time.sleep(600)", "takes more than 1 s"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the decoder broke off"),
        ("import sys; sys.stdout.buffer.write(b'x'); sys.exit(1)", "the decoder broke off"),
    ],
)
def test_a_decoder_that_hangs_or_crashes_is_one_refused_picture(
    monkeypatch: pytest.MonkeyPatch, code: str, words: str
):
    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    decoders = Decoders(seconds=1)
    true_start = sandbox._start
    monkeypatch.setattr(sandbox, "_start", start)
    started = time.monotonic()
    with pytest.raises(BadPicture, match=words):
        decoders.decode(seeds()["png"] * 2000, "picture")
    assert time.monotonic() - started < 5
    monkeypatch.setattr(sandbox, "_start", true_start)
    patient = Decoders()
    assert patient.decode(seeds()["png"], "picture").width == 40
    patient.close()


def test_a_decoder_has_no_secrets_in_its_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("REDIS_URL", "redis://:password@host/0")
    decoders = Decoders()
    decoders.decode(seeds()["png"], "picture")
    child = decoders._idle
    assert child is not None
    seen = Path(f"/proc/{child.pid}/environ").read_bytes()
    decoders.close()
    assert b"hf_secret" not in seen
    assert b"password" not in seen


@pytest.mark.parametrize("name", ["png-text", "jpeg-phone", "webp", "heic", "avif"])
def test_place_and_owner_are_not_kept(client: FlaskClient, worker: HandWorker, store, name: str):
    data = seeds()[name]
    assert b"PhoneMaker" in data
    job = send(client, data).json
    kept = store.read(job["input"]["image"])
    rendered = [
        client.get(job["pictures"][0]["url"] + f"&format={format}{size}").data
        for format in ("png", "jpeg", "webp")
        for size in ("", "&width=8")
    ]
    for each in (kept, *rendered):
        picture = Image.open(io.BytesIO(each))
        assert dict(picture.getexif()) == {}
        assert "exif" not in picture.info
        for word in (b"PhoneMaker", b"Owner Name", b"GPS", b"a pear"):
            assert word not in each
