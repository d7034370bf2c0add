"""`darkroom settings`: the settings as a table for a terminal or as docs/settings.md."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from jobs.machine_settings import REPOSITORY
from jobs.settings import Settings


@dataclass(frozen=True)
class Row:
    """One setting: its environment variable, its default in words, its help."""

    name: str
    default: str
    help: str


def rows() -> Iterator[Row]:
    """Every setting in the order of the table."""
    for name, field in Settings.model_fields.items():
        yield Row(name.upper(), _in_words(field.default), field.description or "")


def markdown() -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Every setting is an environment variable: `HOST=127.0.0.1 PORT=8080 make up`. "
        "A value that does not fit ends the start with the variable's name and the limit.",
        "",
        "<!-- Written by `darkroom settings --markdown > docs/settings.md`; a test compares. -->",
        "",
        "| Variable | Default | What it does |",
        "|---|---|---|",
        *(f"| `{row.name}` | {_code(row.default)} | {_cell(row.help)} |" for row in rows()),
    ]
    return "\n".join(lines) + "\n"


def table(chosen: Settings) -> str:
    """The settings with the values in force, for a terminal."""
    lines: list[str] = []
    for row in rows():
        value = _in_words(getattr(chosen, row.name.lower()))
        note = "" if value == row.default else f"   (default {row.default or 'unset'})"
        lines.append(f"{row.name}={value}{note}")
        lines += textwrap.wrap(row.help, 92, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def _in_words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        items = cast("tuple[str | Path, ...]", value)
        # As the setting is written: folders stand between the system's own separators.
        between = os.pathsep if any(isinstance(each, Path) for each in items) else ","
        return between.join(map(str, items))
    if isinstance(value, Path) and value.is_relative_to(REPOSITORY):
        return str(value.relative_to(REPOSITORY))
    return str(value)


def _code(text: str) -> str:
    return f"`{text}`" if text else "unset"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
