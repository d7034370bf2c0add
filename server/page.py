"""The first page at `/` and the files that it is made of."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Flask, Response, send_from_directory

FOLDER = Path(__file__).parent / "static" / "page"

blueprint = Blueprint("page", __name__)


def init_app(app: Flask) -> None:
    """Serve the page."""
    app.register_blueprint(blueprint)


@blueprint.get("/")
def index() -> Response:
    """The page itself."""
    return file("index.html")


@blueprint.get("/static/page/<path:name>")
def file(name: str) -> Response:
    """A file of the page; the browser asks each time whether it changed."""
    response = send_from_directory(FOLDER, name)
    response.headers["Cache-Control"] = "no-cache"
    return response
