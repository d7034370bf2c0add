"""The caller's prompts that have not ended, and what ends them."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from jobs.queue import queue
from server.compat.comfyui.body import sent_ids
from server.compat.comfyui.prompts import current_prompts
from server.compat.json_body import json_object
from server.resources import resources

blueprint = Blueprint("comfyui_queue", __name__)


@blueprint.get("/queue")
def show_queue() -> Response:
    """What runs and what waits."""
    every = current_prompts().unended()
    running = [prompt.queue_item() for prompt, record in every if record.status == "running"]
    pending = [prompt.queue_item() for prompt, record in every if record.status == "queued"]
    return jsonify(queue_running=running, queue_pending=pending)


@blueprint.post("/queue")
def change_queue() -> Response:
    """Cancel all that waits (`clear`), or some of it (`delete`); what runs goes on."""
    sent = json_object()
    prompts, ids = current_prompts(), set(sent_ids(sent, "delete"))
    for prompt, record in prompts.unended():
        if record.status == "queued" and (sent.get("clear") or prompt.id in ids):
            queue.cancel(resources().redis, record.id, running=False)
            prompts.forget([record.id])
    return Response(status=200)


@blueprint.post("/interrupt")
def interrupt() -> Response:
    """End the prompt of an id, or without one that which has run for longest."""
    sent = json_object() if request.get_data() else {}
    wanted = sent.get("prompt_id")
    for prompt, record in current_prompts().unended():
        if record.status == "running" and wanted in (None, "", prompt.id):
            queue.cancel(resources().redis, record.id)
            break
    return Response(status=200)


@blueprint.post("/free")
def leave_loaded() -> Response:
    """Nothing to do: workers load what jobs ask for and drop what does not fit beside it.

    Accepted all the same, since clients call it between jobs; it would touch everybody's.
    """
    return Response(status=200)
