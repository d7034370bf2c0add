"""Addresses of this server that work on another device, and QR codes of them."""

from __future__ import annotations

import io
from urllib.parse import urlsplit

import segno
from flask import request

from jobs.settings import settings
from jobs.whereabouts import here
from jobs.whereabouts.addresses import is_loopback


def reachable_base() -> str:
    """Where another device reaches this server, without a slash at the end: as the caller did,
    unless only this machine can go there."""
    chosen = settings()
    base = chosen.public_url or request.host_url
    if is_loopback(urlsplit(base).hostname or ""):
        base = next(iter(here.addresses(chosen)), base)
    return base.rstrip("/")


def drawn(text: str) -> str:
    """The QR code of a text as an SVG, dark on light with its quiet zone."""
    file = io.BytesIO()
    segno.make_qr(text, error="m").save(
        file, kind="svg", xmldecl=False, omitsize=True, light="#fff", nl=False
    )
    return file.getvalue().decode()
