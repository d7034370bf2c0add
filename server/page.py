"""The pages for people and the files that they are made of: the first one, and the door."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Flask, Response, send_from_directory

from jobs.settings import settings
from server.errors import ApiError

FOLDER = Path(__file__).parent / "static" / "page"
DOOR = Path(__file__).parent / "static" / "door"

AUTHORITY = "application/x-x509-ca-cert"
"""The type by which phones know a certificate that they may be told to trust."""

blueprint = Blueprint("page", __name__)


def init_app(app: Flask) -> None:
    """Serve the pages."""
    app.register_blueprint(blueprint)


@blueprint.get("/")
def index() -> Response:
    """The page itself."""
    return file("index.html")


@blueprint.get("/static/page/<path:name>")
def file(name: str) -> Response:
    """A file of the page."""
    return _file(FOLDER, name)


@blueprint.get("/pair")
def pair() -> Response:
    """The page that a QR code leads to."""
    return door_file("pair.html")


@blueprint.get("/static/door/<path:name>")
def door_file(name: str) -> Response:
    """A file of the door."""
    return _file(DOOR, name)


@blueprint.get("/ca.crt")
def authority() -> Response:
    """The certificate of the local authority, for a device to trust; 404 without TLS."""
    if not settings().tls:
        raise ApiError(404, "no-tls", "this server speaks plain http: start it with TLS=true")
    return send_from_directory(
        settings().tls_folder.resolve(),
        "ca.crt",
        mimetype=AUTHORITY,
        as_attachment=True,
        download_name="darkroom-ca.crt",
        max_age=0,
    )


def _file(folder: Path, name: str) -> Response:
    """A file; the browser asks each time whether it changed."""
    response = send_from_directory(folder, name)
    response.headers["Cache-Control"] = "no-cache"
    return response
