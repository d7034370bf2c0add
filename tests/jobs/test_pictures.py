"""Pictures as phones, editors and attackers make them."""

from __future__ import annotations

import base64
import contextlib
import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from jobs.pictures.pictures import BadPicture, as_mask, data_uri_bytes, flat, open_picture, png


def saved(picture: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def corners(width: int = 64, height: int = 48) -> Image.Image:
    """Red, green, blue and white quarters, from the top left to the bottom right."""
    picture = Image.new("RGB", (width, height))
    for index, color in enumerate(("red", "lime", "blue", "white")):
        quarter = Image.new("RGB", (width // 2, height // 2), color)
        picture.paste(quarter, (index % 2 * width // 2, index // 2 * height // 2))
    return picture


def near(found: Any, wanted: tuple[int, ...], tolerance: int = 6) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize(
    "format", ["PNG", "JPEG", "MPO", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF", "ICO"]
)
def test_every_format_is_known_by_its_bytes(format: str):
    options: dict[str, Any] = {} if format == "PNG" else {"quality": 95}
    if format == "ICO":
        options = {"sizes": [(64, 48)]}
    if format == "MPO":
        options |= {"save_all": True, "append_images": [Image.new("RGB", (64, 48))]}
    found = open_picture(saved(corners(), format, **options))
    assert (found.mode, found.size) == ("RGB", (64, 48))
    assert near(found.getpixel((16, 12)), (255, 0, 0), 12)
    assert near(found.getpixel((48, 36)), (255, 255, 255), 12)


@pytest.mark.parametrize("format", ["PPM", "EPS", "TGA", "PCX", "JPEG2000"])
def test_another_format_is_refused_by_what_there_is(format: str):
    with pytest.raises(BadPicture, match="must be a PNG, JPEG, WebP, HEIC, AVIF, GIF, BMP, TIFF"):
        open_picture(saved(corners(), format))


@pytest.mark.parametrize("data", [b"", b"x", b"\x89PNG\r\n\x1a\n", b"<svg></svg>", b"\xff\xd8\xff"])
def test_what_is_no_picture_is_refused(data: bytes):
    with pytest.raises(BadPicture):
        open_picture(data)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "AVIF"])
def test_a_phones_picture_stands_upright(orientation: int, format: str):
    upright = corners()
    # What a camera that was held so would have stored: the inverse of EXIF's instruction.
    stored = {
        1: lambda p: p,
        2: lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda p: p.transpose(Image.Transpose.ROTATE_180),
        4: lambda p: p.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda p: p.transpose(Image.Transpose.TRANSPOSE),
        6: lambda p: p.transpose(Image.Transpose.ROTATE_90),
        7: lambda p: p.transpose(Image.Transpose.TRANSVERSE),
        8: lambda p: p.transpose(Image.Transpose.ROTATE_270),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = open_picture(saved(stored, format, exif=exif, quality=95))
    assert found.size == upright.size
    for x, y in ((16, 12), (48, 12), (16, 36), (48, 36)):
        pixel = upright.getpixel((x, y))
        assert isinstance(pixel, tuple)
        assert near(found.getpixel((x, y)), pixel, 12)


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def turned_by_a_note(name: str) -> bytes:
    """A picture that says that it is to be turned where no browser looks for it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    notes = PngInfo()
    match name:
        case "EXIF in WebP":
            return saved(corners(), "WEBP", exif=exif, lossless=True)
        case "XMP in PNG":
            notes.add_itxt("XML:com.adobe.xmp", XMP)
        case "ImageMagick's profile":
            raw = exif.tobytes().hex()
            lines = "\n".join(raw[at : at + 72] for at in range(0, len(raw), 72))
            notes.add_text("Raw profile type exif", f"\nexif\n{len(raw) // 2:8}\n{lines}\n")
        case _:
            return saved(corners(), name.split()[-1], xmp=XMP.encode(), quality=95)
    return saved(corners(), "PNG", pnginfo=notes)


@pytest.mark.parametrize(
    "name", ["XMP in JPEG", "XMP in WEBP", "EXIF in WebP", "XMP in PNG", "ImageMagick's profile"]
)
def test_what_browsers_do_not_turn_is_not_turned(name: str):
    data = turned_by_a_note(name)
    with Image.open(io.BytesIO(data)) as file:
        assert file.getexif().get(0x0112) == 6
    assert open_picture(data).size == (64, 48)


def test_a_turned_tiff_is_turned_once():
    for compression in (None, "tiff_lzw"):
        stored = corners().transpose(Image.Transpose.ROTATE_90)
        found = open_picture(saved(stored, "TIFF", tiffinfo={0x0112: 6}, compression=compression))
        assert found.size == (64, 48)
        assert found.getpixel((16, 12)) == (255, 0, 0)


def test_a_turned_heic_is_turned_once():
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = corners().transpose(Image.Transpose.ROTATE_90)
    found = open_picture(saved(stored, "HEIF", exif=exif.tobytes(), quality=95))
    assert found.size == (64, 48)
    assert near(found.getpixel((16, 12)), (255, 0, 0), 12)


def test_what_the_phone_says_of_place_and_owner_is_not_kept():
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 0.0)}
    exif[0x010F] = "Maker"
    data = png(open_picture(saved(corners(), "JPEG", exif=exif)))
    kept = Image.open(io.BytesIO(data))
    assert dict(kept.getexif()) == {}
    assert kept.info == {}
    assert b"Maker" not in data


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_does_not_spoil_the_picture():
    found = open_picture(saved(corners(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f"))
    assert found.size == (64, 48)


def test_colours_come_out_in_srgb():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    # Swapped primaries: what the file calls red is shown as green.
    swapped = swapped_profile()
    found = open_picture(saved(Image.new("RGB", (8, 8), "red"), "PNG", icc_profile=swapped))
    assert near(found.getpixel((4, 4)), (0, 255, 0), 8)
    # A profile for other channels is left aside.
    found = open_picture(
        saved(Image.new("RGB", (8, 8), "red"), "PNG", icc_profile=profile.tobytes())
    )
    assert found.getpixel((4, 4)) == (255, 0, 0)


def swapped_profile() -> bytes:
    """sRGB with the tags of its red and green primaries exchanged."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack(">I", data[128:132])
    for index in range(count):
        at = 132 + 12 * index
        name = bytes(data[at : at + 4])
        data[at : at + 4] = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}.get(name, name)
    return bytes(data)


def test_a_broken_profile_is_left_aside():
    found = open_picture(saved(Image.new("RGB", (8, 8), "red"), "PNG", icc_profile=b"rubbish"))
    assert found.getpixel((4, 4)) == (255, 0, 0)


def test_sixteen_bits_keep_their_brightness():
    deep = Image.new("I;16", (4, 1))
    for x, value in enumerate((0, 128 * 257, 200 * 257, 65535)):
        deep.putpixel((x, 0), value)
    found = open_picture(saved(deep, "PNG"))
    assert [found.getpixel((x, 0)) for x in range(4)] == [(v, v, v) for v in (0, 128, 200, 255)]


def test_a_printers_picture_keeps_its_colours():
    found = open_picture(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95))
    assert near(found.getpixel((8, 8)), (255, 0, 0), 8)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_few_colours_are_colours_like_others(mode: str):
    found = open_picture(saved(corners().convert(mode), "PNG"))
    assert found.mode == "RGB"
    assert found.getpixel((48, 36)) == (255, 255, 255)


def test_transparency_stays_until_it_is_decided():
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 4, 8))
    found = open_picture(saved(clear, "PNG"))
    assert found.mode == "RGBA"
    assert flat(found).getpixel((1, 1)) == (0, 0, 255)
    assert flat(found).getpixel((6, 6)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["LA", "P", "RGB"])
def test_every_way_to_be_transparent_is_known(mode: str):
    if mode == "LA":
        data = saved(Image.new("LA", (8, 8), (0, 0)), "PNG")
    elif mode == "P":
        data = saved(Image.new("P", (8, 8), 0), "PNG", transparency=b"\x00")
    else:
        data = saved(Image.new("RGB", (8, 8), (1, 2, 3)), "PNG", transparency=(1, 2, 3))
    assert flat(open_picture(data)).getpixel((4, 4)) == (255, 255, 255)


def test_a_mask_is_how_light_it_is_and_transparent_is_black():
    drawn = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    drawn.paste((255, 255, 255, 255), (0, 0, 4, 8))
    mask = as_mask(open_picture(saved(drawn, "PNG")))
    assert mask.mode == "L"
    assert (mask.getpixel((1, 1)), mask.getpixel((6, 6))) == (255, 0)


def test_of_an_animation_the_first_picture_counts():
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    for format in ("PNG", "WEBP"):
        data = saved(first, format, save_all=True, append_images=[second], lossless=True)
        assert open_picture(data).getpixel((4, 4)) == (255, 0, 0)


def chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


def bomb(width: int, height: int, *more: bytes) -> bytes:
    """A PNG that says it is this large, and is not."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100)
    chunks = [chunk(b"IHDR", header), *more, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(("width", "height"), [(8000, 8000), (10_000, 10_000), (60_000, 60_000)])
def test_a_bomb_is_refused_before_it_is_decoded(width: int, height: int):
    with pytest.raises(BadPicture, match="must have at most 50000000 pixels"):
        open_picture(bomb(width, height))


def test_text_that_swells_is_refused():
    text = chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"x" * 50_000_000))
    with pytest.raises(BadPicture):
        open_picture(bomb(8, 8, text))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "HEIF", "AVIF"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_half_a_picture_is_refused_with_a_sentence(format: str, share: float):
    noise = Image.effect_noise((96, 96), 60).convert("RGB")
    data = saved(noise, format)
    with pytest.raises(BadPicture) as refused:
        open_picture(data[: int(len(data) * share)])
    assert 10 < len(str(refused.value)) < 300


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "HEIF", "AVIF"])
def test_flipped_bytes_are_a_picture_or_are_refused(format: str):
    good = saved(corners(), format)
    for place in range(0, len(good), max(1, len(good) // 60)):
        data = bytearray(good)
        data[place] ^= 0x5A
        with contextlib.suppress(BadPicture):
            assert open_picture(bytes(data)).mode in ("RGB", "RGBA")


def test_a_picture_of_too_many_bytes_is_refused(monkeypatch: pytest.MonkeyPatch):
    from jobs.pictures import pictures

    small = pictures.settings().model_copy(update={"max_upload": 1024})
    monkeypatch.setattr(pictures, "settings", lambda: small)
    with pytest.raises(BadPicture, match="must be at most 1024 bytes; it has 2000"):
        open_picture(b"\0" * 2000)
    with pytest.raises(BadPicture, match="must be at most 1024 bytes"):
        data_uri_bytes("data:image/png;base64," + "A" * 2000)


def test_text_in_a_picture_is_not_kept():
    text = PngInfo()
    text.add_text("parameters", "a secret prompt")
    data = png(open_picture(saved(corners(), "PNG", pnginfo=text)))
    assert b"secret" not in data


@pytest.mark.parametrize(
    "head", ["data:image/png;base64,", "data:;base64,", "DATA:image/jpeg;charset=x;base64,"]
)
def test_a_data_uri_is_read_whatever_type_it_says(head: str):
    assert data_uri_bytes(head + base64.b64encode(b"bytes").decode()) == b"bytes"


@pytest.mark.parametrize(
    "text", ["data:image/png,x", "data:image/png;base64,???", "data:", "data:image/png;base64,A"]
)
def test_a_data_uri_that_is_none_is_refused(text: str):
    with pytest.raises(BadPicture):
        data_uri_bytes(text)
