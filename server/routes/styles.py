"""Styles: named pairs of a prompt and a negative prompt, for everybody who comes in."""

from __future__ import annotations

from typing import Any

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from jobs.prompts.styles import Style, StyleFile, StylesFull
from jobs.request.fields.values import CONTROLS, Prompt
from jobs.request.request import FieldError, InvalidRequest
from jobs.sentences import say
from jobs.settings import settings
from server.door.auth import require_admin
from server.errors import ApiError
from server.openapi import Routes, answer, response

routes = Routes("styles", "Named pairs of a prompt and a negative prompt.")

MOST = 1000
"""Styles that are kept: more than the largest collections that people share."""


class StylePath(BaseModel):
    """A style in the path."""

    name: str = Field(min_length=1, max_length=200, description="Name of the style.")


class StyleTexts(BaseModel):
    """What a style says."""

    model_config = ConfigDict(extra="forbid")

    prompt: Prompt = Field(
        default="",
        description="Put behind the prompt, after a comma; where it says `{prompt}` the prompt is "
        "put there instead.",
        examples=["ink drawing of {prompt}, black and white"],
    )
    negative_prompt: Prompt = Field(default="", description="The same for the negative prompt.")


class StyleView(StyleTexts):
    """A style."""

    name: str = Field(description="What `styles` of a request names it by.")


class StyleList(BaseModel):
    """The styles, in the order of their file."""

    styles: list[StyleView]


@routes.get("/styles", {200: StyleList}, (503,))
def list_styles() -> dict[str, Any]:
    """List styles

    Those of DATA/styles.csv, which is a file as AUTOMATIC1111 has it.
    """
    return answer(StyleList(styles=[_view(style) for style in _file().all().values()]))


@routes.get("/styles/<path:name>", {200: StyleView}, (404, 503))
def get_style(path: StylePath) -> dict[str, Any]:
    """Show a style"""
    style = _file().all().get(_name(path))
    if style is None:
        raise _missing(path.name)
    return answer(_view(style))


@routes.put("/styles/<path:name>", {200: StyleView, 201: StyleView}, (400, 403, 409, 415, 422, 503))
def put_style(path: StylePath, body: StyleTexts) -> Response:
    """Keep a style

    Everybody may add one (201); in the place of another of its name (200) an admin may.
    """
    name = _name(path)
    if not name:
        raise InvalidRequest(
            [FieldError(pointer="/name", detail=say("no-sign", "must have a sign in it"))]
        )
    styles = _file().all()
    if name in styles:
        require_admin()
    elif len(styles) >= MOST:
        raise ApiError(
            409,
            "too-many",
            say("too-many-styles", "there are {most} styles, and no more are kept", most=MOST),
        )
    style = Style(name, body.prompt, body.negative_prompt)
    try:
        new = _file().put(style)
    except StylesFull as full:
        raise ApiError(409, "full", str(full)) from full
    return response(_view(style), 201 if new else 200)


@routes.delete("/styles/<path:name>", {204: None}, (403, 404, 503))
def delete_style(path: StylePath) -> Response:
    """Delete a style

    Pictures that were made with it keep its words. An admin may.
    """
    require_admin()
    if not _file().remove(_name(path)):
        raise _missing(path.name)
    return Response(status=204)


def _name(path: StylePath) -> str:
    """The name as it is kept: on one line, without what steers a terminal."""
    return " ".join(CONTROLS.sub(" ", path.name).split())


def _file() -> StyleFile:
    return StyleFile(settings().styles_file)


def _missing(name: str) -> ApiError:
    return ApiError(404, "not-found", f"no style is named {name[:60]!r}")


def _view(style: Style) -> StyleView:
    # As it stands in the file, whose prompts may be longer than a request's.
    return StyleView.model_construct(**vars(style))
