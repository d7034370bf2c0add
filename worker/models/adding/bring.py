"""Bringing the files of a plan here: from where the last try stopped, and checked."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from jobs.outbound.fetching import Answer
from jobs.outbound.sending import Unreachable
from jobs.sentences import say
from worker.models.adding.elsewhere.remote import Places, read_from, total_of
from worker.models.adding.place import Place
from worker.models.adding.plan import NotAddable, Plan, PlannedFile, safe_name

CHUNK = 1 << 20

Advance = Callable[[int, int | None], None]
"""Told how many bytes are here and how many there will be; raises where it is not to go on."""


def bring(
    plan: Plan,
    staging: Path,
    place: Place,
    places: Places,
    contents: Iterator[bytes] | None,
    advance: Advance,
) -> Path:
    """Have all files of a plan in `staging`; the one file, or the folder that they are in.

    `contents` are those of an upload. What is there of an earlier try is taken up. Raises
    NotAddable, and whatever `advance` raises.
    """
    files = staging / "files"
    files.mkdir(parents=True, exist_ok=True)
    total = plan.total
    done = 0
    _refuse_full(_left(plan, files), place)
    for each in plan.files:
        path = files / safe_name(each.name)
        before = done

        def advanced(count: int, before: int = before) -> None:
            advance(before + count, total)

        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.part")
            if contents is not None:
                _write(part, contents, advanced)
            else:
                _fetch(each, part, place, places, advanced)
            _check(each, part, path.name)
            _sync(part)
            part.replace(path)
        done += path.stat().st_size
        advanced(path.stat().st_size)
    return files if plan.folder else files / plan.files[0].name


def _fetch(
    file: PlannedFile, part: Path, place: Place, places: Places, advanced: Callable[[int], None]
) -> None:
    """The rest of a file, from the bytes that are there."""
    here = part.stat().st_size if part.exists() else 0
    if file.bytes is not None and here >= file.bytes:
        if here == file.bytes:
            return
        part.unlink()
        here = 0
    mark = part.with_name(f"{part.name}.etag")
    headers = {"Range": f"bytes={here}-"} if here else {}
    if here and mark.exists():
        headers["If-Range"] = mark.read_text()
    with read_from(file.url, places, headers) as answer:
        if here and not _goes_on(answer, here):
            here = 0
        total = total_of(answer)
        if file.bytes is not None and total not in (None, file.bytes):
            raise NotAddable(
                say(
                    "changed-there",
                    "{name} has {bytes} bytes now, not {before}: its source has changed",
                    name=part.name.removesuffix(".part"),
                    bytes=total or 0,
                    before=file.bytes,
                )
            )
        _refuse_full((total or 0) - here, place)
        etag = answer.header("ETag") or ""
        # A weak one does not say that the bytes are the same.
        if etag.startswith('"'):
            mark.write_text(etag)
        with part.open("r+b" if here else "wb") as opened:
            opened.seek(here)
            _copy(answer, opened, here, place, advanced)
        if total is not None and part.stat().st_size < total:
            raise NotAddable(
                say(
                    "hung-up",
                    "its source hung up after {here} of {bytes} bytes; resuming goes on from there",
                    here=part.stat().st_size,
                    bytes=total,
                ),
                away=True,
            )
    mark.unlink(missing_ok=True)


def _copy(
    answer: Answer, part: IO[bytes], here: int, place: Place, advanced: Callable[[int], None]
) -> None:
    looked = here
    with _disk_errors():
        while True:
            try:
                data = answer.read(CHUNK)
            except Unreachable as error:
                raise NotAddable(
                    say(
                        "broke-off",
                        "its source broke off after {here} bytes ({why}); resuming goes on from"
                        " there",
                        here=here,
                        why=str(error),
                    ),
                    away=True,
                ) from None
            if not data:
                return
            part.write(data)
            here += len(data)
            advanced(here)
            if here - looked > 64 * CHUNK:
                looked = here
                _refuse_full(0, place)


def _write(part: Path, contents: Iterator[bytes], advanced: Callable[[int], None]) -> None:
    """An upload's bytes, from the first: they are in this network."""
    with _disk_errors(), part.open("wb") as opened:
        here = 0
        for data in contents:
            opened.write(data)
            here += len(data)
            advanced(here)


def _goes_on(answer: Answer, here: int) -> bool:
    """Whether an answer is the rest from there; else it is the whole file, from the first byte."""
    return answer.status == 206 and bool(
        re.match(rf"bytes {here}-", answer.header("Content-Range") or "")
    )


def _check(file: PlannedFile, part: Path, name: str) -> None:
    """Raises NotAddable, and removes what is there, where it is not what its source said."""
    if file.bytes is not None and part.stat().st_size != file.bytes:
        size = part.stat().st_size
        part.unlink()
        raise NotAddable(
            say(
                "wrong-size",
                "{name} came to {bytes} bytes, not {wanted}",
                name=name,
                bytes=size,
                wanted=file.bytes,
            )
        )
    if file.sha256 is not None:
        with part.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        if found != file.sha256.lower():
            part.unlink()
            raise NotAddable(
                say(
                    "wrong-sha256",
                    "{name} is not what it should be: its sha256 is {found}, not {wanted}",
                    name=name,
                    found=found,
                    wanted=file.sha256,
                )
            )


def _left(plan: Plan, files: Path) -> int:
    """Bytes still to come, as far as they are known."""
    left = 0
    for each in plan.files:
        path = files / safe_name(each.name)
        here = path if path.exists() else path.with_name(f"{path.name}.part")
        left += max(0, (each.bytes or 0) - (here.stat().st_size if here.exists() else 0))
    return left


def _refuse_full(needed: int, place: Place) -> None:
    if needed > (free := place.free) or free == 0:
        raise NotAddable(
            say(
                "disk-full",
                "the disk is full: {bytes} bytes are still to come, and {free} may be taken",
                bytes=needed,
                free=free,
            ),
            away=True,
        )


def _sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise NotAddable(
            say("not-written", "it cannot be written: {why}", why=why), away=True
        ) from None
