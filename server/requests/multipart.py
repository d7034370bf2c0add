"""multipart/form-data as the JSON object that the same request would have been."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import IO, Any, cast

from flask import Request
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.wsgi import LimitedStream

from jobs.request.request import FieldError, GenerationRequest, InvalidRequest
from server.errors import ApiError

TYPE = "multipart/form-data"

WHOLE = "request"
"""The part that may hold many fields at once, as JSON."""

FILES = re.compile(r"image|mask|mix|(?:control|reference|region)_([0-9])")
"""Names of parts that are files: the n of `control_n` and the others like it counts from 0."""

PARTS = {"control": "image", "region": "mask"}
"""The field that is a picture of each of `controls` and `regions`."""

PART = "part:"
"""What stands in a field whose picture came as a part; no id and no data URI begins so."""


def _text_fields() -> set[str]:
    """The fields that are text, whose parts are taken as they are; all others are JSON."""
    properties: dict[str, Any] = GenerationRequest.model_json_schema()["properties"]
    return {
        name
        for name, field in properties.items()
        if any(kind.get("type") == "string" for kind in (field, *field.get("anyOf", [])))
    }


TEXT = _text_fields()


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
        match = FILES.fullmatch(name)
        if len(files) > 1:
            errors.append(FieldError(pointer=_pointer(name), detail=f"came {len(files)} times"))
        elif match is None:
            errors.append(FieldError(pointer=_pointer(name), detail=_no_file(name)))
        elif match[1] is None:
            fields[name] = PART + name
            parts[f"/{name}"] = data
        elif name.startswith("reference"):
            if _give_reference(fields, int(match[1])):
                parts[f"/references/{match[1]}"] = data
            else:
                detail = f"is reference {match[1]}, and the one before it did not come"
                errors.append(FieldError(pointer=_pointer(name), detail=detail))
        elif pointer := _give_part(fields, name):
            parts[pointer] = data
        else:
            what, _, index = name.partition("_")
            detail = f"is a picture for {what} {index}, which `{what}s` does not have"
            errors.append(FieldError(pointer=_pointer(name), detail=detail))
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


def _give_part(fields: dict[str, Any], name: str) -> str | None:
    """Puts a file into its control or region, and says where; None where that is not there."""
    what, _, index = name.partition("_")
    parts, field = fields.get(f"{what}s"), PARTS[what]
    if not isinstance(parts, list) or int(index) >= len(cast("list[Any]", parts)):
        return None
    part = cast("list[Any]", parts)[int(index)]
    if not isinstance(part, dict):
        return None
    part[field] = f"{PART}{name}"
    return f"/{what}s/{index}/{field}"


def _give_reference(fields: dict[str, Any], index: int) -> bool:
    """Puts a file at its place among the references, which may be ids and data URIs as well."""
    given = fields.setdefault("references", [])
    if not isinstance(given, list) or index > len(cast("list[Any]", given)):
        return False
    references = cast("list[Any]", given)
    references[index : index + 1] = [f"{PART}reference_{index}"]
    return True


def _no_file(name: str) -> str:
    if name in GenerationRequest.model_fields:
        return "is no file; send it as a text, without a file name"
    return "is not a field of this request; files are image, mask, reference_0, control_0 and so on"


def _pointer(name: str) -> str:
    escaped = name[:80].replace("~", "~0").replace("/", "~1")
    return f"/{escaped}".encode(errors="replace").decode()


def _digest(digest: Any, kind: str, name: str, data: bytes) -> None:
    key = f"{kind}:{name}".encode(errors="replace")
    digest.update(b"%d:%b%d:%b" % (len(key), key, len(data), data))
