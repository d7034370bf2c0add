"""Styles: named pairs of a prompt and a negative prompt, in a file as AUTOMATIC1111 has them.

The file is its `styles.csv`: one that was made there is read as it is, and what is written here is
read there.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PLACE = "{prompt}"
"""Where in a style's text the prompt comes; one without it stands behind the prompt."""

MAX_BYTES = 4_000_000
"""Of a file that is read: the collections that people share have about 200 KB."""

FIELDS = ("name", "prompt", "negative_prompt")


class BadStyles(Exception):
    """The caller gets 503: the file cannot be read or written, and the message says why."""


class StylesFull(Exception):
    """The caller gets 409: with one more the file would be too large to be read."""


@dataclass(frozen=True)
class Style:
    """A prompt and a negative prompt that go by one name."""

    name: str
    prompt: str = ""
    negative_prompt: str = ""


def merged(text: str, others: Iterable[str], most: int) -> str:
    """A prompt with the texts of styles, one after another, as AUTOMATIC1111 joins them.

    What is longer than `most` is too long already, and no more is put to it: a style that has the
    prompt several times multiplies it.
    """
    for other in others:
        if len(text) > most:
            break
        if PLACE in other:
            text = other.replace(PLACE, text)
        else:
            text = ", ".join(part for part in (text.strip(), other.strip()) if part)
    return text


class StyleFile:
    """The styles of a file. Several processes may read and write it at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> dict[str, Style]:
        """Every style by its name, in the file's order. Raises BadStyles."""
        try:
            if self._path.stat().st_size > MAX_BYTES:
                raise BadStyles(f"{self._path.name} has more than {MAX_BYTES} bytes")
            # With a byte order mark, as spreadsheets and AUTOMATIC1111 write it, or without.
            text = self._path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise BadStyles(f"{self._path.name} cannot be read: {_reason(error)}") from error
        try:
            return {style.name: style for style in _styles(text)}
        except BadStyles as error:
            raise BadStyles(f"{self._path.name} cannot be read: {error}") from error

    def put(self, style: Style) -> bool:
        """Keeps a style, in the place of one of that name; whether it is a new one.

        Raises StylesFull and BadStyles.
        """
        with self._changing() as styles:
            new = style.name not in styles
            styles[style.name] = style
        return new

    def remove(self, name: str) -> bool:
        """Forgets a style; False where there is none of that name."""
        with self._changing() as styles:
            return styles.pop(name, None) is not None

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Style]]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_name(f"{self._path.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                styles = self.all()
                yield styles
                part = self._path.with_name(f"{self._path.name}.{os.getpid()}")
                data = written(styles.values()).encode("utf-8-sig")
                if len(data) > MAX_BYTES:
                    raise StylesFull(f"all styles together may have at most {MAX_BYTES} bytes")
                part.write_bytes(data)
                part.replace(self._path)
        except OSError as error:
            raise BadStyles(f"{self._path.name} cannot be written: {_reason(error)}") from error


def chosen(names: Sequence[str], styles: Mapping[str, Style]) -> tuple[list[Style], list[str]]:
    """The styles of these names in their order, and the names that none has."""
    missing = [name for name in names if name not in styles]
    return [styles[name] for name in names if name in styles], missing


def _reason(error: Exception) -> str:
    """Why, without where on the machine: every caller is told."""
    return error.strerror or "it is no file" if isinstance(error, OSError) else str(error)


def written(styles: Iterable[Style]) -> str:
    """Styles as the file has them."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(FIELDS)
    writer.writerows((each.name, each.prompt, each.negative_prompt) for each in styles)
    return file.getvalue()


def _styles(text: str) -> Iterator[Style]:
    rows = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        # Read as a list of none, a list with other marks between would be written over.
        if rows.fieldnames and not {"name"} < set(rows.fieldnames):
            raise BadStyles("its first line must name the columns name,prompt,negative_prompt")
        for row in rows:
            name = (row.get("name") or "").strip()
            # The oldest files have one column of text.
            prompt = row.get("prompt") or row.get("text") or ""
            if name:
                yield Style(name, prompt, row.get("negative_prompt") or "")
    except csv.Error as error:
        raise BadStyles(f"line {rows.line_num} is no line of a styles.csv: {error}") from error
