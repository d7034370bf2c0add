"""Changes to the text of a models.toml that leave every other line of its owner's as it is."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from typing import Any

Value = str | int | float | bool | list[str]


class EditError(Exception):
    """The file is written in a way that this cannot change safely; the message says what to do."""


def with_table(text: str, section: str, name: str, values: dict[str, Value]) -> str:
    """The text with a table `[section.name]` at its end."""
    changed = f"{text.rstrip()}\n\n{table(section, name, values)}".lstrip()
    wanted = _parsed(text)
    wanted.setdefault(section, {})[name] = values
    return _checked(changed, wanted, f"add [{section}.{name}] to it")


def without_table(text: str, section: str, name: str) -> str:
    """The text without the table `[section.name]`; comments above and below it stay."""
    wanted = _parsed(text)
    wanted[section].pop(name)
    if not wanted[section]:
        del wanted[section]
    lines = text.splitlines(keepends=True)
    headers = [number for number, line in enumerate(lines) if line.lstrip().startswith("[")]
    header = re.compile(rf"\s*\[\s*{section}\s*\.\s*([\"']?){re.escape(name)}\1\s*\]\s*(#.*)?$")
    # A line within a value can look like a header, so each end is tried until the rest is right.
    for start in (number for number in headers if header.match(lines[number].rstrip())):
        for end in (*(number for number in headers if number > start), len(lines)):
            changed = _without_lines(lines, start, end)
            if _same(changed, wanted):
                return changed
    raise EditError(f"[{section}.{name}] is not written as a table of its own: take it out by hand")


def with_default(text: str, name: str) -> str:
    """The text with `name` as the default model."""
    wanted = _parsed(text) | {"default": name}
    line = f"default = {json.dumps(name)}"
    there = re.compile(r"""^default\s*=\s*("[^"\n]*"|'[^'\n]*')""", re.MULTILINE)
    changed, count = there.subn(lambda _: line, text, count=1)
    if not count:
        lines = text.splitlines(keepends=True)
        comments = 0
        while comments < len(lines) and lines[comments].lstrip().startswith("#"):
            comments += 1
        changed = "".join([*lines[:comments], f"\n{line}\n\n", *lines[comments:]]).lstrip()
    return _checked(changed, wanted, f"make {name} its default")


def table(section: str, name: str, values: dict[str, Value]) -> str:
    """A table as models.toml has it."""
    # A dot in a bare TOML key would be a table in a table.
    key = json.dumps(name) if "." in name else name
    # What JSON writes of a string, a number or a list of strings is TOML as well.
    lines = [f"{each} = {json.dumps(value, ensure_ascii=False)}" for each, value in values.items()]
    return "\n".join([f"[{section}.{key}]", *lines]) + "\n"


def _without_lines(lines: list[str], start: int, end: int) -> str:
    """The lines but for a table from `start`, whose last key is before `end`."""
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    before, after = "".join(lines[:start]), "".join(lines[end:])
    if before.endswith("\n\n") or not before:
        after = after.lstrip("\n")
    return before + after if after else f"{before.rstrip()}\n"


def _parsed(text: str) -> dict[str, Any]:
    return copy.deepcopy(tomllib.loads(text))


def _same(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _checked(text: str, wanted: dict[str, Any], what: str) -> str:
    if not _same(text, wanted):
        raise EditError(
            f"it is written in a way that keeps Darkroom from changing it: {what} by hand"
        )
    return text
