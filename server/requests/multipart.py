"""multipart/form-data as the JSON object that the same request would have been."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import IO, Any, cast

from flask import Request
from pydantic import BaseModel
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.wsgi import LimitedStream

from jobs.additions.masks import MaskRequest
from jobs.request.request import FieldError, GenerationRequest, InvalidRequest
from server.errors import ApiError

TYPE = "multipart/form-data"

WHOLE = "request"
"""The part that may hold many fields at once, as JSON."""

FILES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(image|mask|mix)"), "/{}"),
    (re.compile(r"reference_([0-9])"), "/references/{}"),
    (re.compile(r"control_([0-9])"), "/controls/{}/image"),
    (re.compile(r"control_mask_([0-9])"), "/controls/{}/mask"),
    (re.compile(r"reference_only"), "/reference_only/image"),
    (re.compile(r"region_([0-9])"), "/regions/{}/mask"),
    (re.compile(r"ip_adapter_([0-9])"), "/ip_adapters/{}/images/0"),
    (re.compile(r"ip_adapter_([0-9])_([0-9])"), "/ip_adapters/{}/images/{}"),
    (re.compile(r"ip_adapter_mask_([0-9])"), "/ip_adapters/{}/mask"),
)
"""Names of parts that are files, and where each stands in the request; all count from 0."""

GROWING = ("references", "images")
"""Lists that a file may be added to; of the others it must be said what else is in them."""

PART = "part:"
"""What stands in a field whose picture came as a part; no id and no data URI begins so."""


def _text_fields(request: type[BaseModel]) -> set[str]:
    """The fields that are text, whose parts are taken as they are; all others are JSON."""
    properties: dict[str, Any] = request.model_json_schema()["properties"]
    return {
        name
        for name, field in properties.items()
        if any(kind.get("type") == "string" for kind in (field, *field.get("anyOf", [])))
    }


TEXT = _text_fields(GenerationRequest) | _text_fields(MaskRequest)


class Parser(FormDataParser):
    """Reads forms, and takes no broken one for an empty one."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> tuple[IO[bytes], Any, Any]:
        """Texts and files of a body. Raises ApiError: 400 where it is broken, 413 for too many."""
        self.silent = False
        try:
            stream, form, files = super().parse(stream, mimetype, content_length, options)
        except ValueError as error:
            raise _broken(str(error)) from error
        except RequestEntityTooLarge as error:
            # How large it is was known before, but of a body in chunks.
            if content_length is None and cast("LimitedStream", stream).is_exhausted:
                raise
            detail = f"a form may have at most {self.max_form_parts} parts"
            raise ApiError(413, "too-many-parts", detail) from error
        if None in form or None in files:
            raise _broken("a part has no name")
        return stream, form, files


def _broken(why: str) -> ApiError:
    return ApiError(400, "bad-multipart", f"the body is not {TYPE}: {why}")


def read(request: Request) -> tuple[dict[str, Any], dict[str, bytes], bytes]:
    """The fields of a multipart body, its files by JSON pointer, and a hash of all of it.

    The hash does not depend on the boundary, which every sending draws anew. Raises ApiError for
    what is no multipart body, InvalidRequest for parts that fit no field.
    """
    form, uploaded = request.form, request.files
    errors: list[FieldError] = []
    fields: dict[str, Any] = {}
    parts: dict[str, bytes] = {}
    digest = sha256()
    for name, texts in sorted(form.lists()):
        if len(texts) > 1:
            errors.append(FieldError(pointer=_pointer(name), detail=f"came {len(texts)} times"))
        _digest(digest, "field", name, texts[0].encode(errors="replace"))
        if name == WHOLE:
            fields = _whole(texts[0], errors) | fields
        elif texts[0]:  # a page's form sends what was left empty as an empty text
            fields[name] = _value(name, texts[0])
    for name, files in sorted(uploaded.lists()):
        data = files[0].read()
        if not data and not files[0].filename:
            continue  # no file was chosen
        _digest(digest, "file", name, data)
        place = _place(name)
        if len(files) > 1:
            errors.append(FieldError(pointer=_pointer(name), detail=f"came {len(files)} times"))
        elif place is None:
            errors.append(FieldError(pointer=_pointer(name), detail=_no_file(name)))
        elif problem := _give(fields, place, name):
            errors.append(FieldError(pointer=_pointer(name), detail=problem))
        else:
            parts[place] = data
    if errors:
        raise InvalidRequest(errors)
    return fields, parts, digest.digest()


def _whole(text: str, errors: list[FieldError]) -> dict[str, Any]:
    try:
        value = from_json(text, allow_inf_nan=True)
    except ValueError as error:
        detail = f"the part `{WHOLE}` is not JSON: {error}"
        problem = FieldError(pointer=f"/{WHOLE}", detail=detail)
        raise ApiError(400, "bad-json", detail, errors=[problem]) from error
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    errors.append(FieldError(pointer=f"/{WHOLE}", detail="must be a JSON object"))
    return {}


def _value(name: str, text: str) -> Any:
    if name in TEXT:
        return text
    try:
        return from_json(text, allow_inf_nan=True)
    except ValueError:
        return text  # refused by the field's own check, which says what it should be


def _place(name: str) -> str | None:
    """Where a file stands in the request, as a JSON pointer."""
    for pattern, pointer in FILES:
        if match := pattern.fullmatch(name):
            return pointer.format(*match.groups())
    return None


def _give(fields: dict[str, Any], place: str, name: str) -> str | None:
    """Puts a file at its place; what is wrong where there is none."""
    *above, last = place.strip("/").split("/")
    other = f"is a file for {'/'.join(above)}, which is none of its kind"
    here: Any = fields
    for before, key in zip(["", *above], above, strict=False):
        if isinstance(here, list):
            items = cast("list[Any]", here)
            if not key.isdigit():
                return other
            if int(key) >= len(items):
                return f"is a picture for {before} {key}, which `{before}` does not have"
            here = items[int(key)]
        elif isinstance(here, dict):
            made = cast("dict[str, Any]", here)
            here = made.setdefault(key, []) if key in GROWING else made.get(key, [])
    if isinstance(here, dict):
        here[last] = PART + name
        return None
    if not isinstance(here, list) or not last.isdigit():
        return other
    pictures = cast("list[Any]", here)
    if int(last) > len(pictures):
        return f"is picture {last} of {above[-1]}, and the one before it did not come"
    pictures[int(last) : int(last) + 1] = [PART + name]
    return None


def _no_file(name: str) -> str:
    if name in GenerationRequest.model_fields:
        return "is no file; send it as a text, without a file name"
    return (
        "is not a field of this request; files are image, mask, reference_0, control_0,"
        " ip_adapter_0 and so on"
    )


def _pointer(name: str) -> str:
    escaped = name[:80].replace("~", "~0").replace("/", "~1")
    return f"/{escaped}".encode(errors="replace").decode()


def _digest(digest: Any, kind: str, name: str, data: bytes) -> None:
    key = f"{kind}:{name}".encode(errors="replace")
    digest.update(b"%d:%b%d:%b" % (len(key), key, len(data), data))
