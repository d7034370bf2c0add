"""Changing and deleting models and add-ons that are here."""

from __future__ import annotations

from typing import Any, Literal

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from jobs.additions import previews
from jobs.additions.found import Kind
from jobs.settings import settings
from server.door.auth import require_admin
from server.openapi import Routes, answer
from server.pages.renditions import current_renditions
from server.resources import resources
from server.routes.models.at_places import ask_all, places_with

routes = Routes("changes", "Models and add-ons that change and go.")

AddOnKind = Literal[
    "lora", "embedding", "controlnet", "ip-adapter", "vae", "upscaler", "face-restorer"
]

LIMITS = settings()


class ModelPath(BaseModel):
    """A model in the path."""

    model: str = Field(description="Name of the model.")


class AddOnPath(BaseModel):
    """An add-on in the path."""

    kind: AddOnKind = Field(description="What it is.")
    add_on: str = Field(description="Name of the add-on.")


class ModelChange(BaseModel):
    """What is to be otherwise. A field that is left out stays, null is what the files say again."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(None, max_length=200, description="Name for people.")
    description: str | None = Field(None, max_length=2000)
    steps: int | None = Field(None, ge=1, le=LIMITS.max_steps)
    guidance_scale: float | None = Field(None, ge=0, le=50)
    sampler: str | None = Field(None, max_length=60)
    schedule: str | None = Field(None, max_length=60)
    width: int | None = Field(None, ge=8, le=LIMITS.max_size)
    height: int | None = Field(None, ge=8, le=LIMITS.max_size)
    default: Literal[True] | None = Field(
        None, description="Make it the model of requests that name none."
    )


class AddOnChange(BaseModel):
    """What is to be otherwise. A field that is left out stays, null is what the files say again."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(None, max_length=200, description="Name for people.")
    description: str | None = Field(None, max_length=2000)
    triggers: list[str] | None = Field(
        None, max_length=50, description="Words that a prompt should have with a LoRA."
    )


class Deleted(BaseModel):
    """What deleting freed."""

    freed_bytes: int
    files: list[str] = Field(description="The files that went, from the folder of models.")


@routes.patch("/models/<model>", {204: None}, (400, 404, 409, 415, 422))
def change_model(path: ModelPath, body: ModelChange) -> Response:
    """Change a model

    Its words and defaults, for everybody and at once; once this is answered `GET /models` says
    them. An admin may.
    """
    require_admin()
    values = body.model_dump(exclude_unset=True)
    default = bool(values.pop("default", None))
    return _change("model", path.model, values, default=default)


@routes.patch("/models/add-ons/<kind>/<add_on>", {204: None}, (400, 404, 409, 415, 422))
def change_add_on(path: AddOnPath, body: AddOnChange) -> Response:
    """Change an add-on

    Its words; once this is answered `GET /models` says them. An admin may.
    """
    require_admin()
    return _change(path.kind, path.add_on, body.model_dump(exclude_unset=True))


@routes.delete("/models/<model>", {200: Deleted}, (404, 409))
def delete_model(path: ModelPath) -> dict[str, Any]:
    """Delete a model

    With its files, where they lie in DATA/models or were pulled from the hub; else 409, as for the
    default model. Jobs that wait for it fail. An admin may.
    """
    require_admin()
    return _delete("model", path.model)


@routes.delete("/models/add-ons/<kind>/<add_on>", {200: Deleted}, (404, 409, 422))
def delete_add_on(path: AddOnPath) -> dict[str, Any]:
    """Delete an add-on

    As a model is deleted. An admin may.
    """
    require_admin()
    return _delete(path.kind, path.add_on)


def _change(kind: Kind, name: str, values: dict[str, Any], *, default: bool = False) -> Response:
    said = {"kind": kind, "name": name, "values": values, "default": default}
    ask_all(places_with(kind, name), "change", said)
    return Response(status=204)


def _delete(kind: Kind, name: str) -> dict[str, Any]:
    here = resources()
    gone = ask_all(places_with(kind, name), "delete", {"kind": kind, "name": name})
    image = previews.drop(here.redis, here.store, kind, name)
    if image:
        current_renditions().forget(image)
    freed = sum(each["freed_bytes"] for each in gone)
    files = [file for each in gone for file in each["files"]]
    return answer(Deleted(freed_bytes=freed, files=files))
