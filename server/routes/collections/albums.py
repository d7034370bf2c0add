"""Albums: list, make, rename, delete, and what is in them."""

from __future__ import annotations

from datetime import datetime

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from jobs.collections import albums
from jobs.collections.albums import FAVOURITES, Album, Full
from jobs.lists import listing
from jobs.pictures.image_store import job_of
from server.door.auth import caller
from server.errors import ApiError
from server.openapi import Parameters, Routes, response
from server.requests.named import is_own_picture
from server.resources import resources
from server.views import JobView, current_views

routes = Routes("albums", "Pictures under a name; `favourites` is the one that everybody has.")


class AlbumPath(BaseModel):
    """An album in the path."""

    album_id: str = Field(description="Id of the album; `favourites` is always there.")


class InAlbumPath(AlbumPath):
    """A picture of an album in the path."""

    image_id: str = Field(description="Id of a picture, as in a job's outputs.")


class AlbumRequest(BaseModel):
    """What an album is called."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=80, description="Its name.", examples=["Summer"])


class AlbumView(BaseModel):
    """An album as its owner sees it."""

    id: str
    name: str = Field(description="Empty for the favourites, which each client calls its own way.")
    count: int = Field(description="How many pictures are in it.")
    cover_url: str | None = Field(description="The picture that came last, signed.")
    created_at: datetime | None = Field(description="Null for the favourites.")


class AlbumList(BaseModel):
    """All albums of the caller."""

    albums: list[AlbumView]


class AlbumQuery(Parameters):
    """Which part of an album."""

    model_config = ConfigDict(extra="forbid")

    start: int = Field(0, ge=0, le=albums.MOST_PICTURES, description="Place of the first, from 0.")
    limit: int = Field(100, ge=1, le=200, description="Pictures at most.")


class AlbumPage(BaseModel):
    """Pictures of an album, those that came last first, and the jobs that made them."""

    album: AlbumView
    images: list[str] = Field(description="Ids of the pictures, in their order.")
    jobs: list[JobView] = Field(description="The jobs that made them, each once.")
    next_start: int | None = Field(description="Where the next page begins; null on the last.")


@routes.get("/albums", {200: AlbumList}, (503,))
def list_albums() -> Response:
    """List albums

    The favourites first, then by name.
    """
    found = albums.every(resources().redis, caller().owner)
    return response(AlbumList(albums=[_view(each) for each in found]), 200)


@routes.post("/albums", {201: AlbumView}, (400, 409, 413, 415, 422, 503))
def create_album(body: AlbumRequest) -> Response:
    """Make an album"""
    try:
        album = albums.create(resources().redis, caller().owner, body.name)
    except Full as full:
        raise ApiError(409, "full", str(full)) from full
    return response(_view(album), 201)


@routes.get("/albums/<album_id>", {200: AlbumPage}, (404, 422, 503))
def get_album(path: AlbumPath, query: AlbumQuery) -> Response:
    """What is in an album"""
    here, owner, album = resources(), caller().owner, _find(path.album_id)
    ids = albums.images(here.redis, owner, album.id, query.start, query.limit)
    wanted = {job for each in ids if (job := job_of(each))}
    records = listing.read_chosen(here.redis, sorted(wanted, reverse=True))
    there = {output.id for record in records for output in record.outputs}
    # Deleted by its age, or with its job on another way.
    gone = [each for each in ids if each not in there]
    albums.take(here.redis, owner, album.id, gone)
    whole = len(ids) < query.limit
    page = AlbumPage(
        album=_view(_find(path.album_id) if gone else album),
        images=[each for each in ids if each in there],
        jobs=current_views().jobs(records),
        next_start=None if whole else query.start + len(ids) - len(gone),
    )
    return response(page, 200)


@routes.patch("/albums/<album_id>", {200: AlbumView}, (400, 404, 409, 413, 415, 422, 503))
def rename_album(path: AlbumPath, body: AlbumRequest) -> Response:
    """Rename an album"""
    album = _find(path.album_id)
    if album.id == FAVOURITES:
        raise ApiError(409, "favourites", "the favourites have no name of their own")
    albums.rename(resources().redis, caller().owner, album, body.name)
    return response(_view(_find(album.id)), 200)


@routes.delete("/albums/<album_id>", {204: None}, (404, 503))
def delete_album(path: AlbumPath) -> tuple[str, int]:
    """Delete an album

    Its pictures stay. Deleting the favourites empties them.
    """
    albums.delete(resources().redis, caller().owner, _find(path.album_id).id)
    return "", 204


@routes.put("/albums/<album_id>/images/<image_id>", {204: None}, (404, 409, 503))
def put_into_album(path: InAlbumPath) -> tuple[str, int]:
    """Put a picture into an album

    One that is in it already stays where it is.
    """
    album = _find(path.album_id)
    if not is_own_picture(path.image_id):
        raise ApiError(404, "not-found", f"there is no picture {path.image_id[:64]!r}")
    try:
        albums.put(resources().redis, caller().owner, album.id, path.image_id)
    except Full as full:
        raise ApiError(409, "full", str(full)) from full
    return "", 204


@routes.delete("/albums/<album_id>/images/<image_id>", {204: None}, (404, 503))
def take_out_of_album(path: InAlbumPath) -> tuple[str, int]:
    """Take a picture out of an album

    The picture itself stays.
    """
    albums.take(resources().redis, caller().owner, _find(path.album_id).id, [path.image_id])
    return "", 204


def _find(album: str) -> Album:
    found = albums.find(resources().redis, caller().owner, album)
    if found is None:
        raise ApiError(404, "not-found", f"there is no album {album[:64]!r}")
    return found


def _view(album: Album) -> AlbumView:
    return AlbumView(
        id=album.id,
        name=album.name,
        count=album.count,
        cover_url=album.cover and current_views().image_url(album.cover),
        created_at=album.created_at,
    )
