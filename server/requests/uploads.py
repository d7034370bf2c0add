"""Pictures that a request starts from: sent with it, or named by the id of an earlier one."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from jobs.pictures import pictures, sandbox
from jobs.pictures.image_store import ImageStore, input_id
from jobs.pictures.pictures import BadPicture
from jobs.recipes.recipes import prompts_of
from jobs.request.pictures import InputPicture, named_pictures
from jobs.request.request import FieldError, GenerationRequest, InvalidRequest
from jobs.sentences import Sentence, say
from server.outages import StoreAway
from server.requests.named import is_own_picture

log = logging.getLogger(__name__)

BARE_BASE64 = re.compile(r"[A-Za-z0-9+/=_\s-]{100,}")

SHOWN = 60
"""Characters of a wrong id that are shown: enough to know it by."""


@dataclass(frozen=True)
class Upload:
    """A picture as the job keeps it: its id, size and prompts, and its PNG."""

    picture: InputPicture
    png: bytes


class Uploads:
    """The pictures of one request, by the JSON pointer of the field that named them."""

    def __init__(self, uploads: Mapping[str, Upload], store: ImageStore) -> None:
        self._uploads = uploads
        self._store = store

    @property
    def pictures(self) -> dict[str, InputPicture]:
        """What resolving the request needs to know of them."""
        return {pointer: upload.picture for pointer, upload in self._uploads.items()}

    def under(self, job_id: str) -> Uploads:
        """The same pictures, to be kept under ids of another job."""
        named: dict[str, Upload] = {}
        for index, (pointer, upload) in enumerate(self._uploads.items()):
            picture = replace(upload.picture, id=input_id(job_id, index))
            named[pointer] = Upload(picture, upload.png)
        return Uploads(named, self._store)

    def keep(self) -> None:
        """Store them; those that are there already stay. Raises a 503."""
        try:
            for upload in self._uploads.values():
                self._store.put(upload.picture.id, upload.png)
        except OSError as error:
            raise StoreAway from error

    def drop(self) -> None:
        """Remove them again: the job that they were for is not taken."""
        for upload in self._uploads.values():
            try:
                self._store.delete(upload.picture.id)
            except OSError as error:
                log.warning("%s is left over from a refused job: %s", upload.picture.id, error)


def open_uploads(
    request: GenerationRequest,
    parts: Mapping[str, bytes],
    job_id: str,
    store: ImageStore,
    known: dict[tuple[str, bool], Upload] | None = None,
) -> Uploads:
    """Open each picture that a request names, to be kept under ids of this job.

    `parts` has the bytes of those that came as files. An earlier picture is copied, so that
    deleting its job does no harm. `known` are those of requests like this one, by what they are
    named and whether they are masks: they are opened once. Raises InvalidRequest naming each field
    whose picture is none, or is not for the caller to see.
    """
    uploads: dict[str, Upload] = {}
    errors: list[FieldError] = []
    for index, (pointer, named) in enumerate(named_pictures(request).items()):
        try:
            image, key = input_id(job_id, index), (named, _is_mask(pointer))
            if known is not None and key in known:
                same = known[key]
                uploads[pointer] = Upload(replace(same.picture, id=image), same.png)
                continue
            data = parts[pointer] if pointer in parts else _bytes(named, store)
            uploads[pointer] = _open(data, image, pointer, request)
            if known is not None:
                known[key] = uploads[pointer]
        except BadPicture as error:
            errors.append(FieldError(pointer=pointer, detail=str(error)))
    if errors:
        raise InvalidRequest(errors)
    return Uploads(uploads, store)


def picture_bytes(pointer: str, named: str, parts: Mapping[str, bytes], store: ImageStore) -> bytes:
    """A picture that a request names, as PNG and decoded safely; `parts` has what came as files.

    Raises InvalidRequest for one that is none, or is not for the caller to see.
    """
    try:
        data = parts[pointer] if pointer in parts else _bytes(named, store)
        return sandbox.decode(data, "picture").png
    except BadPicture as error:
        raise InvalidRequest([FieldError(pointer=pointer, detail=str(error))]) from None


def _open(data: bytes, image: str, pointer: str, request: GenerationRequest) -> Upload:
    opened = sandbox.decode(data, "mask" if _is_mask(pointer) else "picture")
    wants_prompt = request.kind == "variations" and pointer == "/image"
    prompt, negative = prompts_of(data) if wants_prompt else ("", "")
    picture = InputPicture(image, opened.width, opened.height, prompt, negative, opened.levels)
    return Upload(replace(picture, transparent=opened.transparent), opened.png)


def _is_mask(pointer: str) -> bool:
    return pointer.endswith("/mask")


def _bytes(named: str, store: ImageStore) -> bytes:
    if named[:5].lower() == "data:":
        return pictures.data_uri_bytes(named)
    if re.match(r"https?://", named, re.IGNORECASE):
        raise BadPicture(
            say("picture-url", "is a URL, and those are not fetched; send the picture itself")
        )
    if BARE_BASE64.fullmatch(named):
        raise BadPicture("is base64 of unknown kind; put `data:image/png;base64,` before it")
    if not is_own_picture(named):
        raise BadPicture(_not_there(named))
    try:
        return store.read(named)
    except FileNotFoundError:
        raise BadPicture(_not_there(named)) from None
    except OSError as error:
        raise StoreAway from error


def _not_there(named: str) -> Sentence:
    shown = named if len(named) <= SHOWN else f"{named[:SHOWN]}..."
    shown = "".join(each if each.isprintable() else "?" for each in shown)
    template = 'there is no picture "{name}" of yours; send an id of one, or a data URI'
    return say("picture-gone", template, name=shown)
