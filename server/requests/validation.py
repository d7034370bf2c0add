"""pydantic's errors in words that name the limit and what was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from jobs.request.request import FieldError
from jobs.sentences import say

SHOWN = 40
"""Characters of a wrong value that are shown: enough to know it by."""

Words = Callable[[Mapping[str, Any], Any], str]


def _whole(_ctx: Mapping[str, Any], value: object) -> str:
    return say("not-whole", "must be a whole number; it is {given}", given=_show(value))


def _number(_ctx: Mapping[str, Any], value: object) -> str:
    return say("no-number", "must be a number; it is {given}", given=_show(value))


def _bound(code: str, must_be: str, limit: str) -> Words:
    """The words for a value beyond a limit, which the context names."""
    template = f"{must_be} {{limit}}; it is {{given}}"
    return lambda ctx, value: say(code, template, limit=ctx[limit], given=_show(value))


WORDS: dict[str, Words] = {
    "missing": lambda ctx, value: say("required", "is required"),
    "extra_forbidden": lambda ctx, value: say("no-field", "is not a field of this request"),
    "string_type": lambda ctx, value: f"must be a string; it is {_show(value)}",
    "string_unicode": lambda ctx, value: "must be Unicode text; it has half of a surrogate pair",
    "string_too_long": lambda ctx, value: say(
        "too-long",
        "must be at most {most} characters; it has {has}",
        most=ctx["max_length"],
        has=len(value),
    ),
    "string_too_short": lambda ctx, value: say(
        "too-short",
        "must be at least {least} characters; it has {has}",
        least=ctx["min_length"],
        has=len(value),
    ),
    "too_long": lambda ctx, value: say(
        "too-many",
        "must have at most {most} items; it has {has}",
        most=ctx["max_length"],
        has=ctx["actual_length"],
    ),
    "too_short": lambda ctx, value: say(
        "too-few",
        "must have at least {least} items; it has {has}",
        least=ctx["min_length"],
        has=ctx["actual_length"],
    ),
    "string_pattern_mismatch": lambda ctx, value: (
        f"must match {ctx['pattern']}; it is {_show(value)}"
    ),
    "int_type": _whole,
    "int_parsing": _whole,
    "int_parsing_size": lambda ctx, value: f"must be a smaller number; it is {_show(value)}",
    "int_from_float": _whole,
    "float_type": _number,
    "float_parsing": _number,
    "finite_number": lambda ctx, value: f"must be a finite number; it is {_show(value)}",
    "bool_type": lambda ctx, value: f"must be true or false; it is {_show(value)}",
    "bool_parsing": lambda ctx, value: f"must be true or false; it is {_show(value)}",
    "dict_type": lambda ctx, value: f"must be an object; it is {_show(value)}",
    "model_type": lambda ctx, value: f"must be an object; it is {_show(value)}",
    "model_attributes_type": lambda ctx, value: f"must be an object; it is {_show(value)}",
    "list_type": lambda ctx, value: f"must be an array; it is {_show(value)}",
    "literal_error": lambda ctx, value: say(
        "no-choice",
        "must be {choices}; it is {given}",
        choices=ctx["expected"],
        given=_show(value),
    ),
    "greater_than": _bound("not-above", "must be more than", "gt"),
    "greater_than_equal": _bound("below", "must be at least", "ge"),
    "less_than": _bound("not-below", "must be less than", "lt"),
    "less_than_equal": _bound("above", "must be at most", "le"),
    "value_error": lambda ctx, value: str(ctx["error"]),
}


def field_errors(error: ValidationError, body: object = None) -> list[FieldError]:
    """Every error of a validation, each with its JSON pointer into the body, if there was one."""
    return [
        FieldError(pointer=_pointer(each, body), detail=_detail(each))
        for each in error.errors(include_url=False)
    ]


def _detail(error: ErrorDetails) -> str:
    words = WORDS.get(error["type"])
    return words(error.get("ctx", {}), error["input"]) if words else error["msg"]


def _pointer(error: ErrorDetails, body: object) -> str:
    location = error["loc"]
    parts = [*location[:1], *_walk(location, body)] if isinstance(body, dict) else location
    if error["type"] == "missing" and len(location) > 1 and parts[-1] != location[-1]:
        parts = [*parts, location[-1]]
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return _printable("".join(f"/{part}" for part in escaped))


def _walk(location: Sequence[int | str], value: Any) -> Iterator[int | str]:
    """The parts after the first that are in the body; pydantic adds those of its own model."""
    for depth, part in enumerate(location):
        key_of_object = isinstance(value, dict) and part in value
        if key_of_object or (isinstance(value, list) and isinstance(part, int)):
            value = cast("Any", value[part])
            if depth:
                yield part


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return f'"{_short(value)}"'
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    return _short(str(value))


def _short(text: str) -> str:
    return _printable(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def _printable(text: str) -> str:
    return text.encode(errors="replace").decode()
