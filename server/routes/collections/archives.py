"""Many pictures as one file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from jobs.collections import archives
from jobs.collections.archives import LIFETIME, MOST_PICTURES
from server.door.auth import caller
from server.errors import ApiError
from server.openapi import PREFIX, Routes, content, response
from server.requests.named import strangers
from server.resources import resources

routes = Routes("archives", "Many pictures as one ZIP file.")


class ArchivePath(BaseModel):
    """An archive in the path."""

    archive_id: str = Field(description="Id of the archive.")


class ArchiveRequest(BaseModel):
    """Which pictures."""

    model_config = ConfigDict(extra="forbid")

    images: list[str] = Field(
        min_length=1,
        max_length=MOST_PICTURES,
        description="Ids of pictures, as in jobs' outputs. One that is not yours is refused.",
    )


class ArchiveView(BaseModel):
    """An archive that can be fetched."""

    id: str
    url: str = Field(description="Where the ZIP file is, for an hour.")
    expires_at: datetime


@routes.post("/archives", {201: ArchiveView}, (400, 404, 413, 415, 422, 503))
def create_archive(body: ArchiveRequest) -> Response:
    """Ask for an archive

    It is made while it is fetched; the server keeps only what is to be in it.
    """
    images = list(dict.fromkeys(body.images))
    if unknown := strangers(images):
        raise ApiError(404, "not-found", f"there is no picture {unknown[0][:64]!r}")
    files = {each: f"darkroom-{each}.png" for each in images}
    archive = archives.create(resources().redis, caller().owner, files)
    expires = datetime.now(UTC) + timedelta(seconds=LIFETIME)
    url = f"{PREFIX}/archives/{archive.id}"
    return response(ArchiveView(id=archive.id, url=url, expires_at=expires), 201)


@routes.get(
    "/archives/<archive_id>",
    {200: content("A ZIP file.", "application/zip", schema={"type": "string", "format": "binary"})},
    (404, 503),
)
def get_archive(path: ArchivePath) -> Response:
    """Get an archive"""
    here = resources()
    archive = archives.find(here.redis, path.archive_id)
    if archive is None or not caller().sees(archive.owner):
        raise ApiError(404, "not-found", "there is no such archive, or not any more")
    made = archives.stream(here.store, list(archive.files.items()))
    headers = {"Content-Disposition": 'attachment; filename="darkroom.zip"'}
    return Response(made, headers=headers, content_type="application/zip")
