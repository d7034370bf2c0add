"""The caller's prompts that have ended, and what came of them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from jobs.records.events import ENDED
from jobs.records.record import JobRecord
from server.compat.comfyui.body import sent_ids
from server.compat.comfyui.files import file_of
from server.compat.comfyui.prompts import Prompt, current_prompts
from server.compat.json_body import json_object
from server.errors import ApiError

blueprint = Blueprint("comfyui_history", __name__)


@blueprint.get("/history")
def show_history() -> Response:
    """All of them, the oldest first; the last `max_items`, those from `offset` on."""
    most, offset = _whole("max_items"), _whole("offset")
    if offset is not None:
        which = slice(offset, None if most is None else offset + most)
    else:
        # The last none of a list would be all of it.
        which = slice(None) if most is None else slice(-most if most else 0, None if most else 0)
    ended = current_prompts().ended(which)
    return jsonify({prompt.id: entry(prompt, record) for prompt, record in ended})


@blueprint.get("/history/<prompt_id>")
def show_one(prompt_id: str) -> Response:
    """One of them; nothing before it has ended."""
    found = current_prompts().find(prompt_id)
    if found is None or found[1].status not in ENDED:
        return jsonify({})
    return jsonify({found[0].id: entry(*found)})


@blueprint.post("/history")
def change_history() -> Response:
    """Have all (`clear`) or some (`delete`) in the history no more; the pictures stay."""
    sent = json_object()
    prompts, ids = current_prompts(), set(sent_ids(sent, "delete"))
    prompts.forget(
        [
            record.id
            for prompt, record in prompts.ended(slice(None))
            if sent.get("clear") or prompt.id in ids
        ]
    )
    return Response(status=200)


def entry(prompt: Prompt, record: JobRecord) -> dict[str, Any]:
    """A prompt that has ended, as the history has it."""
    succeeded = record.status == "succeeded"
    outputs = {node: output(prompt, record, node) for node in prompt.shown} if succeeded else {}
    status = {
        "status_str": "success" if succeeded else "error",
        "completed": succeeded,
        "messages": messages(prompt, record),
    }
    meta = {
        node: {"node_id": node, "display_node": node, "parent_node": None, "real_node_id": node}
        for node in outputs
    }
    return {"prompt": prompt.queue_item(), "outputs": outputs, "status": status, "meta": meta}


def output(prompt: Prompt, record: JobRecord, node: str) -> dict[str, Any]:
    """What one node shows."""
    return {"images": [file_of(prompt.shown[node], each) for each in record.outputs]}


def messages(prompt: Prompt, record: JobRecord) -> list[list[Any]]:
    """What was told of a prompt over its whole time, in order: a type and its data each."""
    begun = record.started_at or record.created_at
    ended = record.ended_at or begun
    about = {"prompt_id": prompt.id, "timestamp": int(begun.timestamp() * 1000)}
    over = {"prompt_id": prompt.id, "timestamp": int(ended.timestamp() * 1000)}
    said: list[list[Any]] = [
        ["execution_start", about],
        ["execution_cached", {"nodes": [], **about}],
    ]
    return [*said, [last_word(record), ending(prompt, record) | over]]


def last_word(record: JobRecord) -> str:
    """The type of the message that a prompt ends with."""
    words = {"succeeded": "execution_success", "canceled": "execution_interrupted"}
    return words.get(record.status, "execution_error")


def ending(prompt: Prompt, record: JobRecord) -> dict[str, Any]:
    """What that message says beside the prompt and the time."""
    if record.status == "succeeded":
        return {}
    node = prompt.last_sampler
    where: dict[str, Any] = {"node_id": node, "node_type": prompt.class_of(node), "executed": []}
    if record.status == "canceled" or record.error is None:
        return where
    return {
        **where,
        "exception_message": record.error.detail,
        "exception_type": record.error.code,
        "traceback": [],
        "current_inputs": {},
        "current_outputs": [],
    }


def _whole(name: str) -> int | None:
    text = request.args.get(name)
    if text is None or text == "-1":
        return None
    if not text.isdecimal() or len(text) > 9:
        raise ApiError(
            400, "invalid-request", f"{name} must be a whole number; it is {text[:20]!r}"
        )
    return int(text)
