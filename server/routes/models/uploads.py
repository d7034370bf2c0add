"""Files of models in pieces, by the protocol tus 1.0.0: what breaks off goes on where it was."""

from __future__ import annotations

import base64
import binascii
import re
import shutil
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

from flask import Response, request
from pydantic import BaseModel, Field
from werkzeug.exceptions import ClientDisconnected

from jobs.additions import uploads
from jobs.additions.uploads import PIECE, PieceStore, Upload
from jobs.request.request import FieldError, InvalidRequest
from jobs.sentences import say
from jobs.settings import settings
from server.door.auth import require_admin
from server.errors import ApiError
from server.openapi import PREFIX, UPLOAD, Parameters, Routes
from server.outages import StoreAway
from server.resources import resources
from server.routes.models.at_places import keepers

routes = Routes("uploads", "Files of models that come in pieces, by tus 1.0.0.")

VERSION = "1.0.0"
EXTENSIONS = "creation,termination,expiration"

TOLD = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}

PICKLED = (".ckpt", ".bin", ".pt", ".pth", ".pkl")

LARGEST = 1 << 44
"""Bytes of a file that anybody could have."""

READ = 1 << 18


class UploadPath(BaseModel):
    """An upload in the path."""

    upload_id: str = Field(description="Id of the upload.")


class CreationHeaders(Parameters):
    """The file that is to come."""

    upload_length: int = Field(
        alias="Upload-Length", ge=1, le=LARGEST, description="How many bytes it has."
    )
    upload_metadata: str = Field(
        "",
        alias="Upload-Metadata",
        max_length=4000,
        description="`filename` and, if known, `sha256`, each followed by a space and its value in "
        "base64, with a comma between them.",
    )


class PatchHeaders(Parameters):
    """Where the bytes of this request belong."""

    upload_offset: int = Field(
        alias="Upload-Offset", ge=0, le=LARGEST, description="How many bytes come before these."
    )


SAYS: dict[str, Any] = {
    "description": "How much of it is here, in `Upload-Offset`.",
    "headers": {
        "Upload-Offset": {"schema": {"type": "string"}, "description": "Bytes that are here."}
    },
}
CREATED: dict[str, Any] = {
    "description": "Send its bytes to `Location`.",
    "headers": {"Location": {"schema": {"type": "string"}, "description": "URL of the upload."}},
}


@routes.post("/models/uploads", {201: CREATED}, (403, 412, 413, 422))
def begin_upload(header: CreationHeaders) -> Response:
    """Begin an upload

    Any client of tus 1.0.0 does it. `POST /models/additions` then takes `upload:ID` as source; ID
    is the last part of `Location`. What nothing is added to for a day is dropped. An admin may.
    """
    require_admin()
    _check_version()
    said = _metadata(header.upload_metadata)
    filename = said.get("filename", "")
    if filename.lower().endswith(PICKLED):
        raise _wrong("it is a pickle, which can run any code when it is opened; send .safetensors")
    sha256 = said.get("sha256", "").lower()
    if sha256 and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise _wrong("sha256 must be 64 hexadecimal digits")
    _check_room(header.upload_length)
    redis = resources().redis
    try:
        uploads.sweep(redis, PieceStore(_store_url()))
    except OSError as error:
        raise StoreAway from error
    upload = uploads.create(redis, header.upload_length, filename[:200], sha256 or None)
    location = f"{PREFIX}/models/uploads/{upload.id}"
    return Response(status=201, headers={**TOLD, **_stands(upload), "Location": location})


@routes.get("/models/uploads/<upload_id>", {200: SAYS}, (403, 404, 412))
def get_upload(path: UploadPath) -> Response:
    """Ask how much of an upload is here

    `HEAD`, as tus has it, says the same. An admin may.
    """
    require_admin()
    _check_version()
    upload = _find(path.upload_id)
    length = {"Upload-Length": str(upload.length)}
    return Response(status=200, headers={**TOLD, **_stands(upload), **length})


@routes.patch("/models/uploads/<upload_id>", {204: SAYS}, (403, 404, 409, 412, 415))
def send_upload(path: UploadPath, header: PatchHeaders) -> Response:
    """Send bytes of an upload

    As many as there are, or some: what comes counts, also where the connection breaks. 409 where
    `Upload-Offset` is not how much is here. An admin may.
    """
    require_admin()
    _check_version()
    if request.mimetype != UPLOAD:
        detail = f"the Content-Type must be {UPLOAD}"
        raise ApiError(415, "unsupported-media-type", detail)
    upload = _find(path.upload_id)
    if header.upload_offset != upload.offset:
        detail = f"{upload.offset} bytes are here, not {header.upload_offset}"
        raise ApiError(409, "conflict", detail, headers={**TOLD, **_stands(upload)})
    # It is read piece by piece, so no limit of what fits into memory holds for it.
    request.max_content_length = LARGEST
    length = request.content_length
    if length is not None and length > upload.length - upload.offset:
        raise ApiError(413, "too-large", f"the file was to have {upload.length} bytes")
    store = PieceStore(_store_url())
    for data in _pieces(upload.length - upload.offset):
        try:
            more = uploads.add(resources().redis, store, upload, data)
        except OSError as error:
            raise StoreAway from error
        if more is None:
            raise ApiError(409, "conflict", "somebody else sends to this upload", headers=TOLD)
        upload = more
    return Response(status=204, headers={**TOLD, **_stands(upload)})


@routes.delete("/models/uploads/<upload_id>", {204: None}, (403, 404, 412))
def drop_upload(path: UploadPath) -> Response:
    """Drop an upload

    An admin may.
    """
    require_admin()
    _check_version()
    upload = _find(path.upload_id)
    try:
        uploads.drop(resources().redis, PieceStore(_store_url()), upload.id)
    except OSError as error:
        raise StoreAway from error
    return Response(status=204, headers=TOLD)


def _pieces(most: int) -> Iterator[bytes]:
    """The body, in pieces of a size that fits into memory; of one that breaks off what came."""
    data = bytearray()
    read = 0
    broken: Exception | None = None
    while True:
        try:
            more = request.stream.read(min(READ, most - read + 1))
        except (ClientDisconnected, OSError) as error:
            broken, more = error, b""
        read += len(more)
        if read > most:
            raise ApiError(413, "too-large", "the body is longer than the file was to be")
        data += more
        if len(data) >= PIECE or (not more and data):
            yield bytes(data)
            data.clear()
        if not more:
            break
    if broken is not None:
        raise ClientDisconnected from broken


def _find(upload_id: str) -> Upload:
    upload = uploads.find(resources().redis, upload_id) if re.fullmatch(r"\w+", upload_id) else None
    if upload is None:
        raise ApiError(404, "not-found", f"there is no upload {upload_id[:64]!r}", headers=TOLD)
    return upload


def _stands(upload: Upload) -> dict[str, str]:
    return {
        "Upload-Offset": str(upload.offset),
        "Upload-Expires": formatdate(upload.expires, usegmt=True),
    }


def _check_version() -> None:
    if (said := request.headers.get("Tus-Resumable", VERSION)) != VERSION:
        headers = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS}
        detail = f"this server speaks tus {VERSION}, not {said[:20]}"
        raise ApiError(412, "precondition-failed", detail, headers=headers)


def _check_room(length: int) -> None:
    """Raises a 413 where the file would not fit: neither in the store on its way, nor here."""
    each = [worker.free_bytes for worker in keepers().values() if worker.free_bytes is not None]
    rooms = [max(each)] if each else []
    store = Path(_store_url())
    if "://" not in _store_url() and store.is_dir():
        rooms.append(shutil.disk_usage(store).free)
    if rooms and length > (free := min(rooms)):
        detail = "it has {bytes} bytes, and {free} are free on the disk"
        raise ApiError(413, "too-large", say("too-large", detail, bytes=length, free=free))


def _store_url() -> str:
    return settings().image_store_url


def _metadata(text: str) -> dict[str, str]:
    said: dict[str, str] = {}
    for pair in filter(None, (each.strip() for each in text.split(","))):
        name, _, value = pair.partition(" ")
        try:
            said[name] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            raise _wrong(f"Upload-Metadata: {name[:40]} is not in base64") from None
    return said


def _wrong(detail: str) -> InvalidRequest:
    return InvalidRequest([FieldError(pointer="/Upload-Metadata", detail=detail)])
