"""The page for people, and the files that it is made of."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from flask import Blueprint, Flask, Response, render_template, request, send_from_directory
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from jobs.settings import settings
from jobs.whereabouts import here
from server.errors import ApiError, problem_of

FOLDER = Path(__file__).parent / "static" / "app"
"""What `make up` builds from clients/web, or an image brings."""

STYLES = Path(__file__).parent / "static"

UNBUILT = (
    "The page is not built here. On the server run `make up`, which builds it; the API works "
    "without: /api/v1/docs.\n"
)

FOREVER = "public, max-age=31536000, immutable"
"""For files whose names change with their content."""

NO_CACHE = "no-cache"
"""For the others: the browser asks each time whether they changed."""

AUTHORITY = "application/x-x509-ca-cert"
"""The type by which phones know a certificate that they may be told to trust."""

blueprint = Blueprint("page", __name__)


def init_app(app: Flask) -> None:
    """Serve the pages, and one to whoever mistyped the address of another."""
    app.register_blueprint(blueprint)
    app.register_error_handler(NotFound, _nowhere)


@blueprint.get("/")
def index() -> Response:
    """The page itself."""
    if not (FOLDER / "index.html").is_file():
        # 200 all the same: there are programs that take it as the sign that a server is here.
        return Response(UNBUILT, content_type="text/plain; charset=utf-8")
    return _file("index.html", NO_CACHE)


@blueprint.get("/pair")
def pair() -> Response:
    """The page that a QR code leads to: the same one, which reads the code from its address."""
    return index()


@blueprint.get("/show")
def show() -> Response:
    """The newest pictures on a big screen: the same page, which asks as the gallery does."""
    return index()


@blueprint.get("/static/app/<path:name>")
def file(name: str) -> Response:
    """A file of the page."""
    return _file(name, FOREVER if name.startswith("assets/") else NO_CACHE)


@blueprint.get("/static/docs.css")
@blueprint.get("/static/linked.css")
def style() -> Response:
    """How the API's documentation looks, and the page that a public link opens."""
    return send_from_directory(STYLES, request.path.rpartition("/")[2])


@blueprint.get("/ca.crt")
def authority() -> Response:
    """The certificate of the local authority, for a device to trust; 404 without TLS."""
    if not settings().tls:
        raise ApiError(404, "no-tls", "this server speaks plain http: start it with TLS=true")
    return send_from_directory(
        settings().tls_folder.resolve(),
        here.AUTHORITY,
        mimetype=AUTHORITY,
        as_attachment=True,
        download_name="darkroom-ca.crt",
        max_age=0,
    )


def _nowhere(error: NotFound) -> BaseResponse:
    # Who opens an address of the API in a browser wants to see what a program would get.
    if "text/html" not in request.headers.get("Accept", "") or request.path.startswith("/api/"):
        return problem_of(error)
    headers = {"Cache-Control": NO_CACHE, "Vary": "Accept"}
    return Response(render_template("nowhere.html"), 404, headers)


def _file(name: str, cache: str) -> Response:
    if "gzip" in request.accept_encodings and (FOLDER / f"{name}.gz").is_file():
        kind = mimetypes.guess_type(name)[0]
        response = send_from_directory(FOLDER, f"{name}.gz", mimetype=kind)
        response.headers["Content-Encoding"] = "gzip"
    else:
        response = send_from_directory(FOLDER, name)
    response.headers["Cache-Control"] = cache
    response.headers["Vary"] = "Accept-Encoding"
    return response
