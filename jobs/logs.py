"""What a log may say: one record an event, no secret, nothing that steers a terminal.

LOG_FORMAT chooses between lines for people and JSON for programs. LOG_FILE is a file that may be
moved away at any time: what follows goes to a new one of that name.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from jobs.settings import settings

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

SECRETS = (
    re.compile(r"(?i)(\b(?:authorization|proxy-authorization|cookie|set-cookie)\b\W{1,4})[^\n]+"),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}"),
    re.compile(
        r"(?i)(\b[\w-]*(?:signature|token|secret|password|passwd|api[_-]?key)\b[\"']?"
        r"\s*[=:]\s*[\"']?)[^\s&\"',;)]+"
    ),
    re.compile(r"(?i)([?&#](?:code|key|expires)=)[^\s&\"']+"),
    re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@]+(?=@)"),
)
"""What comes before a secret is kept, so that a reader knows what was there."""

BARE_SECRETS = re.compile(r"(?i)\b(?:(?:dk|hf|whsec)(?:_|%5f)|sk-)(?:[\w+/=-]|%[0-9a-f]{2}){8,}")
"""Tokens that show by themselves what they are: ours, the hub's, webhooks' and OpenAI's, also as an
address may write them."""

GONE = "[removed]"

LONGEST = 4000
"""Characters of a message: an exception may hold all that a stranger sent."""

LONGEST_TRACEBACK = 40_000

JOB = re.compile(r"\bjob ([0-9a-f]{32})\b", re.IGNORECASE)
"""How a message names the job that it is about."""

STANDARD_ERROR = 2

FIELDS = "fields"
"""Of `extra`: what a record says beside its message, by name. Only JSON shows it."""

_job: ContextVar[str | None] = ContextVar("job", default=None)


class Formatter(logging.Formatter):
    """Writes a record as one line; a traceback's lines follow, each set in."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The record's line."""
        record.message = clean(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:
        """The traceback. What an exception says cannot begin a line as a record would."""
        text: str = super().formatException(ei)  # pyright: ignore[reportArgumentType]
        return "\n".join(f"    {clean(line)}" for line in text.split("\n"))


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON: time, level, logger, process, pid, message, and where
    there are such, the job that it is about, further fields, and the traceback as `exception`."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        message = record.getMessage()
        moment = datetime.fromtimestamp(record.created, UTC)
        said: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "process": self._process,
            "pid": record.process,
            "message": clean(message),
        }
        named = JOB.search(message)
        if job := _job.get() or (named[1] if named else None):
            said["job"] = job
        for name, value in getattr(record, FIELDS, {}).items():
            said[name] = clean(value) if isinstance(value, str) else value
        if record.exc_info and record.exc_info[0]:
            text = self.formatException(record.exc_info)[-LONGEST_TRACEBACK:]
            said["exception"] = "\n".join(map(clean, text.split("\n")))
        return json.dumps(said, ensure_ascii=False)


class Output(logging.Handler):
    """Writes each record at once and whole, to standard error.

    With a file that is where standard error goes. Where it was moved away, by whoever keeps logs
    small, it is opened anew, for whatever else this process says too: no line is lost.
    """

    def __init__(self, file: Path | None) -> None:
        super().__init__()
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record. A full disk costs records, never the process."""
        with suppress(OSError):
            data = (self.format(record) + "\n").encode(errors="backslashreplace")
            self._follow()
            while data:
                data = data[os.write(STANDARD_ERROR, data) :]

    def _follow(self) -> None:
        if self._file is None or _is_open(self._file):
            return
        opened = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            for standard in (1, STANDARD_ERROR):
                os.dup2(opened, standard)
        finally:
            os.close(opened)


def clean(text: str) -> str:
    """The text without secrets, and with each character that is not printed by its code."""
    text = text[:LONGEST]
    for pattern in SECRETS:
        text = pattern.sub(rf"\g<1>{GONE}", text)
    text = BARE_SECRETS.sub(GONE, text)
    return "".join(each if each.isprintable() else _code(each) for each in text)


def output(process: str) -> Output:
    """Where this process's records go, in the form that LOG_FORMAT asks for."""
    made = Output(settings().log_file)
    made.setFormatter(JsonFormatter(process) if settings().log_format == "json" else Formatter())
    return made


def set_up(process: str) -> None:
    """Have all that this process logs written so: by us, by libraries, by what nobody caught.

    `process` is what JSON calls it.
    """
    handler = output(process)
    logging.basicConfig(level=settings().log_level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda what: _uncaught(
        what.exc_type, what.exc_value or what.exc_type(), what.exc_traceback, what.thread
    )


def take_over(library: str) -> None:
    """Have a library that writes its log itself hand it to ours."""
    logger = logging.getLogger(library)
    logger.handlers.clear()
    logger.propagate = True


@contextmanager
def about(job_id: str) -> Generator[None]:
    """Whatever this thread logs within the block is about a job."""
    token = _job.set(job_id)
    try:
        yield
    finally:
        _job.reset(token)


def note_job(job_id: str | None) -> None:
    """What this thread logs from now on is about a job, or about none in particular."""
    _job.set(job_id)


def prompt_words(prompt: str) -> str:
    """` "the prompt"` for a log, where LOG_PROMPTS asks for it, else nothing."""
    return f' "{prompt}"' if settings().log_prompts else ""


def _uncaught(
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
    thread: threading.Thread | None = None,
) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    where = f"The thread {thread.name}" if thread else "This process"
    logging.getLogger("darkroom").critical(
        "%s ends by an error that nobody caught", where, exc_info=(kind, error, trace)
    )


def _is_open(file: Path) -> bool:
    try:
        there, here = os.stat(file), os.fstat(STANDARD_ERROR)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def _code(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
