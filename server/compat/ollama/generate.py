"""A picture from a prompt: at once when it is there, or a line of JSON for each step before."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from flask import Blueprint, Response, jsonify, stream_with_context
from redis.exceptions import RedisError

from jobs.records.events import Event, ProgressEvent
from jobs.records.record import JobRecord, read
from server.compat import waiting
from server.compat.json_body import json_object
from server.compat.ollama import fields
from server.compat.ollama.errors import sentence
from server.compat.ollama.models import model_named
from server.compat.waiting import ClientGone, unfinished
from server.errors import ApiError
from server.outages import RedisAway
from server.requests.submission import known_models, submit
from server.resources import resources

log = logging.getLogger(__name__)

PATIENCE = 600.0
"""Seconds that a request is held whose client is told nothing meanwhile."""

STREAM_PATIENCE = 3600.0
"""The same of a stream: it shows that something is still coming."""

BEAT = 15
"""Seconds of silence before a step is told again: proxies drop what says nothing for longer."""

LINES = "application/x-ndjson"

blueprint = Blueprint("ollama_generate", __name__, url_prefix="/api")


@blueprint.post("/generate")
def generate() -> Response:
    """A picture; without a prompt nothing, as workers load what jobs ask for."""
    sent = json_object()
    name = str(sent.get("model") or "")
    card, asked = model_named(name), fields.read(sent)
    if not asked.prompt:
        reason = "unload" if asked.unloads else "load"
        return jsonify(_line(name, done=True, done_reason=reason))
    cards = known_models()
    job, notes = asked.generation(card, cards)
    record = submit(job, {}, cards=cards, notes=notes)
    if asked.streams:
        return _stream(record, name)
    return jsonify(_picture(waiting.wait(record, PATIENCE), name))


def _stream(record: JobRecord, name: str) -> Response:
    events = waiting.follow(record, STREAM_PATIENCE)
    # What keeps it from beginning is answered as any error is.
    first = next(events)
    lines = _lines(record, name, chain([first], events))
    response = Response(
        stream_with_context(lines), headers={"X-Accel-Buffering": "no"}, content_type=LINES
    )
    response.call_on_close(events.close)
    return response


def _lines(
    record: JobRecord, name: str, events: Iterator[Event | None]
) -> Generator[str, None, None]:
    try:
        yield from _steps(record, name, events)
        yield _text(_picture(read(resources().redis, record.id) or record, name))
    except ClientGone:
        return
    except ApiError as error:
        yield _text({"error": sentence(error)})
    except RedisError as error:
        log.warning("Following job %s: Redis does not answer: %s", record.id, error)
        yield _text({"error": sentence(RedisAway())})


def _steps(
    record: JobRecord, name: str, events: Iterator[Event | None]
) -> Generator[str, None, None]:
    """How far the picture is: at once, after each step, and again after a silence."""
    done, total, silent = 0, record.request.steps, 0
    yield _text(_line(name, completed=done, total=total))
    for event in events:
        silent = silent + 1 if event is None else 0
        if isinstance(event, ProgressEvent):
            done, total = event.progress.step, event.progress.steps
        elif silent < BEAT:
            continue
        silent = 0
        yield _text(_line(name, completed=done, total=total))


def _picture(record: JobRecord, name: str) -> dict[str, Any]:
    """The last line, or the whole answer. Raises what a client is told that gets no picture."""
    if record.status != "succeeded":
        raise unfinished(record)
    (png,) = waiting.pictures(record)
    begun, ended = record.started_at or record.created_at, record.ended_at or record.created_at
    # Ours beside Ollama's: the seed makes this very picture again.
    ours: dict[str, Any] = {"seed": record.outputs[0].seed}
    if record.notes:
        ours["notes"] = [f"{each.pointer[1:]}: {each.detail}" for each in record.notes]
    return _line(
        name,
        image=base64.b64encode(png).decode(),
        done=True,
        done_reason="stop",
        total_duration=_nanoseconds(record.created_at, ended),
        load_duration=_nanoseconds(record.created_at, begun),
        **ours,
    )


def _nanoseconds(since: datetime, until: datetime) -> int:
    return max(0, round((until - since).total_seconds() * 1e9))


def _line(name: str, *, done: bool = False, **said: Any) -> dict[str, Any]:
    """What stands in every answer: the model as it was asked for, and words, of which are none."""
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {"model": name, "created_at": moment, "response": "", "done": done, **said}


def _text(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False) + "\n"
