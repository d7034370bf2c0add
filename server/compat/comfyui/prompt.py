"""A graph becomes a job."""

from __future__ import annotations

import json
import uuid
from typing import Any, cast

from flask import Blueprint, Response, jsonify

from jobs.queue.queue import new_job_id
from jobs.records.record import JobRecord, read
from jobs.request.model_card import ModelCard
from jobs.request.notes import Note
from jobs.request.request import InvalidRequest
from server.compat.comfyui.errors import graph_refused
from server.compat.comfyui.files import named, open_file, shown_as
from server.compat.comfyui.graph.errors import BadGraph
from server.compat.comfyui.graph.graph import Node
from server.compat.comfyui.graph.graph import read as read_graph
from server.compat.comfyui.graph.meaning import Meaning
from server.compat.comfyui.graph.names import Choices
from server.compat.comfyui.graph.pixels import Loaded
from server.compat.comfyui.graph.request import meaning_of
from server.compat.comfyui.inputs import Inputs, current_inputs
from server.compat.comfyui.prompts import MAX_GRAPH, Prompt, Prompts, current_prompts, id_of
from server.compat.json_body import json_object
from server.errors import ApiError
from server.requests.submission import known_models, submit
from server.resources import resources

MAX_CLIENT_ID = 128
"""Characters of the name that a client gives itself: a UUID has 36."""

MAX_NUMBER = 1e15
"""Of a client's own numbers: each up to this is exact where numbers are all floats."""

blueprint = Blueprint("comfyui_prompt", __name__)


@blueprint.get("/prompt")
def waiting() -> Response:
    """How many prompts of the caller's have not ended."""
    return jsonify(exec_info={"queue_remaining": current_prompts().remaining()})


@blueprint.post("/prompt")
def queue_prompt() -> Response:
    """Queue a graph. The same `prompt_id` again is the same prompt."""
    sent = json_object()
    try:
        return jsonify(_queued(sent))
    except BadGraph as error:
        return graph_refused(error)


def _queued(sent: dict[str, Any]) -> dict[str, Any]:
    _check_size(sent)
    own_id, prompts = _own_id(sent), current_prompts()
    job_id = new_job_id()
    if own_id is not None:
        job_id = prompts.claim(own_id, job_id)
        if (earlier := prompts.of_job(job_id)) is not None:
            record = read(resources().redis, job_id)
            if record is not None and earlier.graph == sent.get("prompt"):
                return _answer(earlier, record)
            if record is not None:
                detail = f"prompt_id {own_id} is that of another graph"
                raise BadGraph("invalid_prompt", detail, detail)
    cards, inputs = known_models(), current_inputs()
    graph = read_graph(sent.get("prompt"), Choices(cards, inputs.names()))
    meaning = meaning_of(graph, Choices(cards, inputs.names()), _Opener(inputs))
    prompt = _prompt(sent, own_id or id_of(job_id), job_id, meaning, prompts)
    prompts.keep(prompt)
    try:
        return _answer(prompt, _submitted(meaning, cards, job_id, sent, keyed=own_id is not None))
    except InvalidRequest as error:
        prompts.forget([job_id])
        raise meaning.refused(error.errors) from None
    except Exception:
        prompts.forget([job_id])
        raise


def _submitted(
    meaning: Meaning, cards: list[ModelCard], job_id: str, sent: dict[str, Any], *, keyed: bool
) -> JobRecord:
    if sent.get("front"):
        meaning.fields["priority"] = "high"
    notes = [Note(pointer="", detail=each) for each in meaning.notes]
    return submit(
        meaning.request(), meaning.parts, cards=cards, job_id=job_id, keyed=keyed, notes=notes
    )


def _prompt(
    sent: dict[str, Any], prompt_id: str, job_id: str, meaning: Meaning, prompts: Prompts
) -> Prompt:
    client_id: object = sent.get("client_id")
    extra: dict[str, Any] = sent.get("extra_data") or {}
    if client_id is not None:
        extra = {**extra, "client_id": str(client_id)[:MAX_CLIENT_ID]}
    return Prompt(
        id=prompt_id,
        job=job_id,
        number=number if (number := _own_number(sent)) is not None else prompts.next_number(),
        client_id=extra.get("client_id") if client_id is not None else None,
        graph=sent["prompt"],
        extra_data=extra,
        shown={node.id: shown_as(node) for node in meaning.outputs},
        worker=meaning.worker.id,
        second=meaning.second.id if meaning.second else None,
        first_steps=meaning.first_steps,
    )


def _answer(prompt: Prompt, record: JobRecord) -> dict[str, Any]:
    # Ours beside ComfyUI's: what is done otherwise than the graph says.
    notes = [each.detail for each in record.notes]
    return {"prompt_id": prompt.id, "number": prompt.number, "node_errors": {}, "notes": notes}


def _check_size(sent: dict[str, Any]) -> None:
    """Refuse what is too much to keep beside a job. Raises BadGraph."""
    extra = sent.get("extra_data")
    if extra is not None and not isinstance(extra, dict):
        raise BadGraph("invalid_prompt", "extra_data must be an object")
    kept = {name: sent.get(name) for name in ("prompt", "extra_data")}
    size = 0
    for name, value in kept.items():
        try:
            size += len(json.dumps(cast("Any", value), allow_nan=False))
        except ValueError:
            raise BadGraph("invalid_prompt", f"{name}: NaN and Infinity are no JSON") from None
    if size > MAX_GRAPH:
        detail = f"prompt and extra_data may have {MAX_GRAPH} bytes together; they have {size}"
        raise BadGraph("invalid_prompt", f"Prompt is too large: {detail}", detail)


def _own_number(sent: dict[str, Any]) -> float | None:
    """The number that the client gives a prompt. Raises BadGraph."""
    own = sent.get("number")
    if not isinstance(own, (int, float)):
        return None
    if not abs(own) <= MAX_NUMBER:
        raise BadGraph("invalid_prompt", f"number: must be at most {MAX_NUMBER:.0e}")
    return own


def _own_id(sent: dict[str, Any]) -> str | None:
    """The id that the client gives a prompt: a UUID. Raises BadGraph."""
    own = sent.get("prompt_id")
    if own is None or own == "":
        return None
    try:
        return str(uuid.UUID(str(own)))
    except ValueError:
        raise BadGraph("invalid_prompt_id", "prompt_id must be a UUID, or left out") from None


class _Opener:
    """Opens the pictures that nodes name, each once."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._opened: dict[tuple[str, str], Loaded] = {}

    def __call__(self, node: Node) -> Loaded:
        folder = "output" if node.type.name == "LoadImageOutput" else "input"
        text = str(node.inputs["image"])
        try:
            key = named(text, "", folder)
            if key not in self._opened:
                self._opened[key] = open_file(self._inputs, *key)
        except ApiError as error:
            if error.status >= 500:
                raise
            raise node.wrong("image", f"Invalid image file: {error.detail}") from None
        return self._opened[key]
