"""Traces: what was kept of a picture's steps."""

from __future__ import annotations

import base64
from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from jobs.pictures import traces
from jobs.pictures.traces import Sheet
from jobs.records.record import JobRecord
from server.errors import ApiError
from server.openapi import Routes, content, response
from server.outages import StoreAway
from server.requests.asking import ask
from server.requests.named import JobPath, find_job
from server.resources import resources
from server.views import current_views

routes = Routes("traces", "What the steps of a picture were.")

FOREVER = "private, max-age=31536000, immutable"
"""A step that was made never changes."""

UNSAID = ("attention", "asked")
"""What a trace says of itself for the server alone."""


class TracePath(JobPath):
    """A picture of a job in the path."""

    index: int = Field(ge=0, description="Which picture, from 0.")


class TracePicturePath(TracePath):
    """One tensor of a trace in the path."""

    what: str = Field(
        pattern=r"^(x|x0|noise|noise_with|noise_without)$",
        description="`x`, `x0`, `noise`, `noise_with` or `noise_without`.",
    )
    step: int = Field(ge=0, description="Which step, from 0.")


class TraceWordPath(TracePath):
    """A word of a trace in the path."""

    word: int = Field(ge=0, description="Which of `words`, from 0.")


class TraceWordView(BaseModel):
    """A word of the prompt as the text encoder reads it; a column of the sheet of attention."""

    text: str


class TraceStepView(BaseModel):
    """One step: how noisy the latents were before it, and how large each tensor is."""

    step: int
    timestep: float
    sigma: float = Field(description="Noise for one part of picture; the share for flow matching.")
    alpha_bar: float = Field(description="The picture's share of the variance.")
    norms: dict[str, float] = Field(description="Root of the mean square, by tensor.")


class SheetsView(BaseModel):
    """Pictures of all steps side by side, a latent pixel a pixel, each by its signed URL."""

    x: str | None = Field(description="The noisy latents.")
    noise: str | None = Field(description="The predicted noise, after guidance.")
    x0: str | None = Field(description="The latents with all noise taken away at once.")
    difference: str | None = Field(
        description="Where the prompt changes the prediction; null without guidance."
    )
    attention: str | None = Field(
        description="A row a step, a column a word: where it was looked at."
    )


class TraceView(BaseModel):
    """What was kept of a picture's steps."""

    job: str
    index: int
    size: list[int] = Field(description="Width and height of the latents, of a second pass if any.")
    channels: int
    words: list[TraceWordView]
    layers: list[str] = Field(description="Layers whose attention was kept by itself.")
    left_out: int = Field(description="Steps that there was no memory for.")
    steps: list[TraceStepView]
    sheets: SheetsView
    file: str = Field(description="Signed URL of all tensors, as safetensors.")


@routes.get("/jobs/<job_id>/traces/<int:index>", {200: TraceView}, (404, 503))
def get_trace(path: TracePath) -> Response:
    """Get the trace of a picture"""
    record = find_job(path.job_id)
    said = _about(record, path.index)
    views = current_views()
    guided = any("noise_with" in each["norms"] for each in said["steps"])

    def sheet(name: Sheet) -> str | None:
        there = guided if name == "difference" else name != "attention" or bool(said["attention"])
        return views.image_url(traces.sheet_id(record.id, path.index, name)) if there else None

    view = TraceView(
        job=record.id,
        index=path.index,
        sheets=SheetsView(**{name: sheet(name) for name in traces.SHEETS}),
        file=views.image_url(traces.file_id(record.id, path.index)),
        **{name: said[name] for name in said if name not in UNSAID},
    )
    return response(view, 200)


@routes.get(
    "/jobs/<job_id>/traces/<int:index>/pictures/<what>/<int:step>",
    {200: content("The picture.", "image/png", schema={"type": "string", "format": "binary"})},
    (404, 422, 503),
)
def decode_trace(path: TracePicturePath) -> Response:
    """Get a step as the autoencoder sees it

    The latents of one step, decoded by the model that made them: a worker does it when asked.
    """
    record = find_job(path.job_id)
    said = _about(record, path.index)
    if not any(each["step"] == path.step and path.what in each["norms"] for each in said["steps"]):
        raise ApiError(404, "not-found", f"the trace has no {path.what} of step {path.step}")
    asked = {
        "file": traces.file_id(record.id, path.index),
        "tensor": f"{path.what}.{path.step}",
    }
    return _picture(ask(record.request.model, "decode", asked)["picture"])


@routes.get(
    "/jobs/<job_id>/traces/<int:index>/words/<int:word>",
    {200: content("The picture.", "image/png", schema={"type": "string", "format": "binary"})},
    (404, 422, 503),
)
def see_where_a_word_acted(path: TraceWordPath) -> Response:
    """Get where a word of the prompt acted

    All steps side by side, a latent pixel a pixel: how far the network's prediction is, at each
    place, from the one that it makes without this word. Each step is as light as it is within
    itself. A worker asks the network again when this is asked for.
    """
    record = find_job(path.job_id)
    said = _about(record, path.index)
    if path.word >= len(said["words"]) or "asked" not in said:
        raise ApiError(404, "not-found", f"the trace has no word {path.word}")
    asked = {
        "file": traces.file_id(record.id, path.index),
        "word": path.word,
        "asked": said["asked"],
        "steps": [{"step": each["step"], "timestep": each["timestep"]} for each in said["steps"]],
    }
    return _picture(ask(record.request.model, "acted", asked)["picture"])


def _picture(uri: str) -> Response:
    answer = Response(base64.b64decode(uri.partition(",")[2]), content_type="image/png")
    answer.headers["Cache-Control"] = FOREVER
    return answer


def _about(record: JobRecord, index: int) -> dict[str, Any]:
    try:
        return traces.about(resources().store, record.id, index)
    except FileNotFoundError:
        detail = f"nothing was kept of the steps of picture {index} of this job"
        raise ApiError(404, "not-found", detail) from None
    except OSError as error:
        raise StoreAway from error
