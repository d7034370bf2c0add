"""A job as a stream: previews as partial images, then each picture."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Generator, Iterator
from itertools import chain
from typing import Any

from flask import Response, stream_with_context
from redis.exceptions import RedisError

from jobs.records.events import Event, PreviewEvent, ProgressEvent
from jobs.records.record import JobRecord, read
from server.compat import waiting
from server.compat.openai.beside import QUALITIES, SIZES, notes_of, usage
from server.compat.openai.errors import envelope
from server.compat.openai.fields import ImageFields
from server.compat.pictures import preview
from server.compat.waiting import ClientGone, unfinished
from server.errors import ApiError
from server.openapi import EVENT_STREAM
from server.outages import RedisAway
from server.resources import resources

log = logging.getLogger(__name__)

PATIENCE = 3600.0
"""Seconds that a stream stays open: unlike an answer it shows that something is still coming."""

BEAT = 15
"""Seconds of silence before a comment: proxies drop connections that say nothing for longer."""

COMMENT = ": still here\n\n"


def respond(record: JobRecord, fields: ImageFields, name: str) -> Response:
    """The stream of a job that was just accepted; `name` begins the types of its events."""
    events = waiting.follow(record, PATIENCE)
    # What keeps it from beginning is answered as any error is.
    first = next(events)
    frames = _frames(record, fields, name, chain([first], events))
    response = Response(
        stream_with_context(frames),
        headers={"X-Accel-Buffering": "no"},
        content_type=EVENT_STREAM,
    )
    response.call_on_close(events.close)
    return response


def _frames(
    record: JobRecord, fields: ImageFields, name: str, events: Iterator[Event | None]
) -> Generator[str, None, None]:
    try:
        yield COMMENT
        yield from _partial(record, fields, name, events)
        yield from _completed(record, fields, name)
    except ClientGone:
        return
    except ApiError as error:
        yield _frame("error", envelope(error))
    except RedisError as error:
        log.warning("Following job %s: Redis does not answer: %s", record.id, error)
        yield _frame("error", envelope(RedisAway()))


def _partial(
    record: JobRecord, fields: ImageFields, name: str, events: Iterator[Event | None]
) -> Generator[str, None, None]:
    """Previews of the first picture, spread over its steps: fewer than asked for if it is quick."""
    sent, fraction, silent = 0, 0.0, 0
    size = record.request.width, record.request.height
    for event in events:
        silent = silent + 1 if event is None else 0
        if silent == BEAT:
            silent = 0
            yield COMMENT
        if isinstance(event, ProgressEvent):
            fraction = event.progress.fraction
        if not isinstance(event, PreviewEvent) or event.index or sent >= fields.partial_images:
            continue
        if fraction >= sent / (fields.partial_images + 1):
            jpeg = base64.b64decode(event.image.partition(",")[2])
            shown = preview(jpeg, size, fields.output_format, fields.output_compression)
            kind = f"{name}.partial_image"
            said = _picture(kind, shown, size, fields) | {"partial_image_index": sent}
            yield _frame(kind, said)
            sent += 1


def _completed(record: JobRecord, fields: ImageFields, name: str) -> Generator[str, None, None]:
    ended = read(resources().redis, record.id) or record
    if ended.status != "succeeded":
        raise unfinished(ended)
    for output, png in zip(ended.outputs, waiting.pictures(ended), strict=True):
        picture = fields.encoded(png)
        said = _picture(f"{name}.completed", picture, (output.width, output.height), fields)
        beside = {"usage": usage([output]), "seed": output.seed} | notes_of(ended)
        yield _frame(f"{name}.completed", said | beside)


def _picture(
    kind: str, picture: bytes, size: tuple[int, int], fields: ImageFields
) -> dict[str, Any]:
    return {
        "type": kind,
        "b64_json": base64.b64encode(picture).decode(),
        "created_at": int(time.time()),
        # Strict clients know OpenAI's own words alone, and here the fields must be there.
        "size": said if (said := f"{size[0]}x{size[1]}") in SIZES else "auto",
        "quality": fields.quality if fields.quality in QUALITIES else "auto",
        "background": "opaque",
        "output_format": fields.output_format,
    }


def _frame(event: str, data: dict[str, Any]) -> str:
    return f"event: {event}\ndata: {json.dumps(data)}\n\n"
