"""How far the caller's own job is, and what ends it: progress, interrupt, skip."""

from __future__ import annotations

import time

from flask import Blueprint, Response, jsonify, request

from jobs.queue import queue
from jobs.records.events import DoneEvent, PreviewEvent, job_stream
from jobs.records.record import JobRecord
from server.compat.a1111.callers import identity
from server.compat.a1111.generation.answer import timestamp
from server.looks import current_looks
from server.resources import resources
from server.streams.hub import current_hub

LEAST = 0.01
"""What AUTOMATIC1111 says of a job that has not got anywhere: 0 is where there is none."""

PREVIEW_WAIT = 1.0
"""Seconds to wait for a preview: workers make them while somebody looks, two or so a second."""

blueprint = Blueprint("a1111_progress", __name__, url_prefix="/sdapi/v1")


@blueprint.get("/progress")
def progress() -> Response:
    """How far the caller's job is; all zero where they have none."""
    record = identity().current_job()
    if record is None:
        return jsonify(_progress(None) | {"current_image": None})
    wanted = request.args.get("skip_current_image", "").lower() not in ("true", "1", "yes", "on")
    # Of a picture that is made none comes: its job would be waited for in vain.
    drawn = record.status == "running" and not record.all_made
    image = _preview(record) if wanted and drawn else None
    return jsonify(_progress(record) | {"current_image": image})


@blueprint.post("/interrupt")
def interrupt() -> Response:
    """End the caller's job; what it has made by then is what its request is answered with."""
    _end_current_job()
    return jsonify({})


@blueprint.post("/skip")
def skip() -> Response:
    """As interrupt: the pictures of a job are made together, and none comes after another."""
    _end_current_job()
    return jsonify(None)


def _end_current_job() -> None:
    record = identity().current_job()
    if record is not None:
        queue.cancel(resources().redis, record.id)


def _progress(record: JobRecord | None) -> dict[str, object]:
    step, steps, fraction, text = 0, 0, 0.0, None
    eta = None
    if record is not None:
        stands = current_looks().now([record])
        eta = stands.eta(record)
        steps, fraction = record.request.steps, LEAST
        if record.progress is not None:
            step, steps = record.progress.step, record.progress.steps
            fraction = min(1.0, max(LEAST, record.progress.fraction))
            text = record.progress.detail
        elif (ahead := stands.position(record)) is not None:
            text = f"{ahead} jobs go before this one"
    return {
        "progress": fraction,
        "eta_relative": eta or 0.0,
        "state": {
            "skipped": False,
            "interrupted": record is not None and record.cancel_requested,
            "stopping_generation": False,
            "job": record.id if record else "",
            "job_count": 1 if record else 0,
            "job_timestamp": timestamp(record) if record else "0",
            "job_no": 0,
            "sampling_step": step,
            "sampling_steps": steps,
        },
        "textinfo": text,
    }


def _preview(record: JobRecord) -> str | None:
    """The next preview of a running job in bare base64; None where none comes soon."""
    until = time.monotonic() + PREVIEW_WAIT
    stream = job_stream(record.id)
    with current_hub().subscribe(stream, record.owner, job=record.id) as (subscription, _):
        while (left := until - time.monotonic()) > 0:
            item = subscription.next(left)
            event = item.event if item else None
            if isinstance(event, PreviewEvent):
                return event.image.partition(",")[2]
            if isinstance(event, DoneEvent):
                return None
    return None
