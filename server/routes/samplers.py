"""The samplers that a request may name, and the schedules that each takes."""

from __future__ import annotations

import gzip
from functools import cache

from flask import Response, request
from pydantic import BaseModel, Field

from jobs.request.samplers import SAMPLERS, SCHEDULES
from server.openapi import Routes

routes = Routes("samplers", "How a picture comes out of noise.")


class SamplerView(BaseModel):
    """A sampler by its name, and what AUTOMATIC1111 calls it."""

    name: str = Field(description="The name to send.")
    title: str = Field(description="What AUTOMATIC1111 calls it; may be sent as well.")
    aliases: list[str] = Field(description="Other names that may be sent.")
    schedules: list[str] = Field(
        description="The schedules that it takes with a model that predicts noise or velocity."
    )
    flow_schedules: list[str] = Field(
        description="Those that it takes with a model that predicts a flow (Stable Diffusion 3, "
        "Flux, Qwen-Image); empty where it has no form for one."
    )
    default_schedule: str = Field(
        description="What `automatic` means with it: itself, where that is the model's own."
    )
    second_order: bool = Field(
        description="Whether each step takes two forwards, so twice as long."
    )


class ScheduleView(BaseModel):
    """How the steps of a sampler are spaced."""

    name: str = Field(description="The name to send.")
    label: str = Field(description="What AUTOMATIC1111 calls it; may be sent as well.")
    aliases: list[str] = Field(description="Other names that may be sent.")
    description: str


class SamplerList(BaseModel):
    """The samplers, and the schedules that they take."""

    samplers: list[SamplerView]
    schedules: list[ScheduleView]


@routes.get("/samplers", {200: SamplerList})
def list_samplers() -> Response:
    """List samplers"""
    data, packed = _written()
    answer = Response(data, content_type="application/json")
    # It is the same for everybody, so its length tells nothing.
    if "gzip" in request.accept_encodings:
        answer.data = packed
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    return answer


@cache
def _written() -> tuple[bytes, bytes]:
    """The list as JSON, and the same compressed."""
    samplers = [
        SamplerView(
            name=info.name,
            title=info.title,
            aliases=list(info.aliases),
            schedules=list(info.schedules),
            flow_schedules=list(info.flow_schedules),
            default_schedule=info.automatic,
            second_order=info.second_order,
        )
        for info in SAMPLERS.values()
    ]
    schedules = [
        ScheduleView(
            name=info.name,
            label=info.label,
            aliases=list(info.aliases),
            description=info.description,
        )
        for info in SCHEDULES.values()
    ]
    data = SamplerList(samplers=samplers, schedules=schedules).model_dump_json().encode()
    return data, gzip.compress(data, mtime=0)
