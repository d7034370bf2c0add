"""Pictures as AUTOMATIC1111's clients send and expect them: base64 inside JSON."""

from __future__ import annotations

from base64 import b64encode

from jobs.pictures import sandbox
from jobs.pictures.pictures import BadPicture, data_uri_bytes
from jobs.pictures.sandbox import Decoded, Want
from server.compat.a1111.errors import invalid


def decode_base64(text: str, field: str) -> bytes:
    """The bytes of a data URI or of bare base64. Raises a 422 that names the field.

    Line breaks and missing padding are forgiven: clients of many languages write them.
    """
    text = "".join(text.split())
    if not text:
        raise invalid(field, "must be a picture in base64; it is empty")
    if text[:7].lower() == "http://" or text[:8].lower() == "https://":
        raise invalid(field, "is a URL, and those are not fetched; send the picture in base64")
    if text[:5].lower() != "data:":
        text = f"data:;base64,{text}"
    data = text.partition(",")[2].rstrip("=")
    text = text.partition(",")[0] + "," + data + "=" * (-len(data) % 4)
    try:
        return data_uri_bytes(text)
    except BadPicture as error:
        raise invalid(field, str(error)) from None


def encode_base64(data: bytes) -> str:
    """Bare base64, without `data:` before it: some clients put their own there."""
    return b64encode(data).decode()


def decode_picture(text: str, field: str, want: Want = "picture") -> Decoded:
    """What is in a picture that came in base64. Raises a 422 that names the field."""
    try:
        return sandbox.decode(decode_base64(text, field), want)
    except BadPicture as error:
        raise invalid(field, str(error)) from None
