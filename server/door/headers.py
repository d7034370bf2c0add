"""Headers that every answer carries: what a browser may do with it."""

from __future__ import annotations

import ipaddress

from flask import Flask, Response, request

from server.door.cors import is_signed_picture

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'"
)
"""Content-Security-Policy of a page: files of this server, no inline script or style. Previews
come as data: URLs, and a picture that is about to be sent is shown by a blob: URL."""

OTHER_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Of what is no page, should somebody open it as one."""

PICTURE_POLICY = f"{OTHER_POLICY}; img-src 'self'; style-src 'unsafe-inline'"
"""Of a picture without scripts: opened by itself, a browser shows it in a page with its own styles
and asks for this server's icon."""

PICTURES = ("image/png", "image/jpeg", "image/webp")

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with it a browser sends `Origin: null` even to the page's own server.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Everything about a job changes by the second; pictures and pages say otherwise themselves.
    "Cache-Control": "no-store",
}


def init_app(app: Flask) -> None:
    """Add to each response what all responses have."""
    app.after_request(_finish)


def _finish(response: Response) -> Response:
    is_page = response.mimetype == "text/html"
    policy = PICTURE_POLICY if response.mimetype in PICTURES else OTHER_POLICY
    wanted = ALWAYS | {
        "Content-Security-Policy": PAGE_POLICY if is_page else policy,
        # A signed URL may be shown by any page that has it, the mobile shell's first of all.
        "Cross-Origin-Resource-Policy": "cross-origin" if is_signed_picture() else "same-origin",
    }
    if is_page and _is_trustworthy():
        wanted["Cross-Origin-Opener-Policy"] = "same-origin"
    # Each `setdefault` would go through all headers that are there.
    said = {name.lower() for name, _ in response.headers}
    for name, value in wanted.items():
        if name.lower() not in said:
            response.headers.add(name, value)
    return response


def _is_trustworthy() -> bool:
    """Whether a browser calls this a secure context; on others it complains of COOP."""
    if request.scheme == "https":
        return True
    name = request.host.rsplit(":", 1)[0].strip("[]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
