"""What might be added: looked up, searched for, shown."""

from __future__ import annotations

import base64
from typing import Any, Literal

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from jobs.additions.found import Found, Kind, SearchPage
from server.door.auth import require_admin
from server.openapi import Parameters, Routes, answer, content
from server.routes.models.at_places import ask, place_of
from server.routes.models.named import Source

routes = Routes("lookups", "What might be added: looked up, searched for, shown.")

SMALL = content("The picture, small.", "image/webp", schema={"type": "string", "format": "binary"})


class LookupRequest(BaseModel):
    """What might be added."""

    model_config = ConfigDict(extra="forbid")

    source: Source


class SearchQuery(Parameters):
    """What is looked for, and where."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field("", max_length=200, description="Words of its name.")
    where: Literal["hub", "civitai"] = "hub"
    kind: Kind | None = Field(None, description="Only of this kind.")
    cursor: str | None = Field(None, max_length=500, description="`next` of the page before.")


class PictureRequest(BaseModel):
    """A picture of something that was found."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=2000, description="`preview_url` of what was found.")


@routes.post("/models/lookups", {200: Found}, (400, 415, 422))
def look_up(body: LookupRequest) -> dict[str, Any]:
    """See what would be added

    Files, size, licence and family, before anything is fetched; of an upload as soon as its header
    is here. 422 says why there is nothing that could be added; what is there and cannot be used
    here has `usable: false`. An admin may.
    """
    require_admin()
    said = ask(place_of(None), "look-up", {"source": body.source, "to_add": False})
    return answer(Found.model_validate(said["found"]))


@routes.get("/models/search", {200: SearchPage}, (403, 422))
def search_models(query: SearchQuery) -> dict[str, Any]:
    """Search the hub or Civitai

    503 where there is no internet, or search is switched off. An admin may.
    """
    require_admin()
    asked = {"words": query.q, "where": query.where, "kind": query.kind, "cursor": query.cursor}
    return answer(SearchPage.model_validate(ask(place_of(None), "search", asked)))


@routes.post("/models/search/pictures", {200: SMALL}, (400, 403, 415, 422))
def search_picture(body: PictureRequest) -> Response:
    """See a picture of what was found

    This server reads it and makes it small, so that whoever looks tells its source nothing. 422
    where there is no picture, or none that may be read. An admin may.
    """
    require_admin()
    said = ask(place_of(None), "picture", {"url": body.url})
    response = Response(base64.b64decode(said["webp"]), content_type="image/webp")
    response.headers["Cache-Control"] = "no-store"
    return response
