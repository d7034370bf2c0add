"""Presets: list, save, change, delete."""

from __future__ import annotations

import base64
import json
from typing import Any

import segno
from flask import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from jobs.collections import presets
from jobs.collections.albums import Full
from jobs.collections.presets import Preset
from server.door.auth import caller
from server.errors import ApiError
from server.openapi import Routes, response
from server.requests.reaching import drawn, reachable_base
from server.resources import resources

routes = Routes("presets", "Settings and words of a request under a name.")


class PresetPath(BaseModel):
    """A preset in the path."""

    preset_id: str = Field(description="Id of the preset.")


class PresetRequest(BaseModel):
    """A preset as it is to be."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=80, description="Its name.", examples=["Ink"])
    request: dict[str, JsonValue] = Field(
        description="Fields of a request, as `POST /jobs` takes them. They are kept as they are "
        "and checked when they are used.",
        examples=[{"prompt": "ink drawing", "steps": 30}],
    )


class PresetView(PresetRequest):
    """A preset as its owner sees it."""

    id: str


class PresetList(BaseModel):
    """All presets of the caller, by name."""

    presets: list[PresetView]


class PresetLink(BaseModel):
    """An address that opens the page with a preset in its form."""

    url: str = Field(description="It has the preset in itself, and opens nothing that is yours.")
    qr: str | None = Field(
        description="The same as a QR code, an SVG, dark on light; null where it is too long."
    )


@routes.get("/presets", {200: PresetList}, (503,))
def list_presets() -> Response:
    """List presets"""
    found = presets.every(resources().redis, caller().owner)
    return response(PresetList(presets=[_view(each) for each in found]), 200)


@routes.post("/presets", {201: PresetView}, (400, 409, 413, 415, 422, 503))
def create_preset(body: PresetRequest) -> Response:
    """Save a preset"""
    return response(_save(body), 201)


@routes.put("/presets/<preset_id>", {200: PresetView}, (400, 404, 409, 413, 415, 422, 503))
def change_preset(path: PresetPath, body: PresetRequest) -> Response:
    """Change a preset"""
    if presets.find(resources().redis, caller().owner, path.preset_id) is None:
        raise _unknown(path.preset_id)
    return response(_save(body, path.preset_id), 200)


@routes.get("/presets/<preset_id>/link", {200: PresetLink}, (404, 503))
def read_link(path: PresetPath) -> Response:
    """Get a link to a preset

    For another device: whoever opens it has the preset in the form of the page.
    """
    found = presets.find(resources().redis, caller().owner, path.preset_id)
    if found is None:
        raise _unknown(path.preset_id)
    text = json.dumps(found.request, ensure_ascii=False, separators=(",", ":"))
    packed = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    url = f"{reachable_base()}/#/make/{packed}"
    try:
        qr = drawn(url)
    except segno.DataOverflowError:
        qr = None
    return response(PresetLink(url=url, qr=qr), 200)


@routes.delete("/presets/<preset_id>", {204: None}, (404, 503))
def delete_preset(path: PresetPath) -> tuple[str, int]:
    """Delete a preset"""
    if not presets.delete(resources().redis, caller().owner, path.preset_id):
        raise _unknown(path.preset_id)
    return "", 204


def _save(body: PresetRequest, preset: str | None = None) -> PresetView:
    request: dict[str, Any] = body.request
    try:
        saved = presets.save(resources().redis, caller().owner, body.name, request, preset)
    except Full as full:
        raise ApiError(409, "full", str(full)) from full
    return _view(saved)


def _view(preset: Preset) -> PresetView:
    return PresetView(id=preset.id, name=preset.name, request=preset.request)


def _unknown(preset: str) -> ApiError:
    return ApiError(404, "not-found", f"there is no preset {preset[:64]!r}")
