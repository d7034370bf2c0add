"""A slot: one RQ job that this worker holds, from its lease to its last word."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from rq.job import Job

from jobs.records import events, lanes
from jobs.records.events import Error, Output, Progress
from jobs.records.lanes import Lane
from jobs.records.record import JobRecord
from jobs.request.fields import parts
from jobs.request.fields.trace import wish
from jobs.request.request import ResolvedRequest
from jobs.tracing import NOTHING, Work
from worker.canvas import Canvas
from worker.engine import (
    Control,
    DynamicThresholding,
    Engine,
    Enlarge,
    FreeU,
    ImageRequest,
    IPAdapter,
    Lora,
    Picture,
    ReferenceOnly,
    Region,
    RestoreFaces,
    Stage,
    TraceWish,
)
from worker.loop.lease import Lease

STAGES: dict[Stage, events.Stage] = {
    Stage.MODEL: "loading",
    Stage.ENCODE: "encoding",
    Stage.DENOISE: "denoising",
    Stage.ENLARGE: "denoising",
    Stage.WHOLE: "denoising",
    Stage.DECODE: "decoding",
    Stage.RESTORE: "decoding",
    Stage.DONE: "decoding",
}
"""The engine's stages as callers are told of them."""


class Ahead(NamedTuple):
    """What is ahead of a job beside its steps: seconds until those pictures are stored that are
    `made`, and until those are read that it starts from; None where that is not known."""

    storing: float | None = None
    made: int = 0
    reading: float | None = None


@dataclass(eq=False)
class Slot:
    """What the worker knows of a job under way; all of it can be lost and made again.

    `readings` is what the model takes prompts for that it was not taught, `strangers` the words in
    them that say nothing to it, `made` are the pictures that the engine has finished, `outputs`
    those that are stored, `frames` a walk's pictures, small, as far as they are there. `ahead` is
    what was told last of what is ahead beside steps. `group` is that of a suspect
    (`jobs.queue.suspects`), None of any other job.
    `stop` and `lost` go up and never down, on any thread. Whoever sets `settling` ends the job, and
    nobody else touches its outcome from then on.
    """

    lease: Lease
    record: JobRecord
    group: str | None = None
    canvas: Canvas | None = None
    controls: tuple[Control, ...] = ()
    ip_adapters: tuple[IPAdapter, ...] = ()
    reference_only: ReferenceOnly | None = None
    regions: tuple[Region, ...] = ()
    readings: dict[str, str] = field(default_factory=dict[str, str])
    strangers: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    made: set[int] = field(default_factory=set[int])
    outputs: dict[int, Output] = field(default_factory=dict[int, Output])
    started: float = field(default_factory=time.monotonic)
    first_step: float | None = None
    first_steps: int = 0
    reported: Progress | None = None
    ahead: Ahead = field(default_factory=Ahead)
    previewed: float = 0.0
    traced: dict[int, int] = field(default_factory=dict[int, int])
    frames: dict[int, Picture] = field(default_factory=dict[int, Picture])
    furthest: float = 0.0
    stop: bool = False
    lost: bool = False
    settling: bool = False
    error: Error | None = None
    work: Work = NOTHING

    @property
    def job(self) -> Job:
        """The job as RQ has it."""
        return self.lease.job

    @property
    def id(self) -> str:
        """The job's id."""
        return self.job.id

    @cached_property
    def lane(self) -> Lane:
        """Where it waited: its caller, its model and how urgent it is."""
        found = lanes.parse(self.record.lane)
        if found is None:
            raise ValueError(f"{self.record.lane!r} is no lane.")
        return found

    @property
    def request(self) -> ResolvedRequest:
        """What was asked for."""
        return self.record.request

    @property
    def reads(self) -> bool:
        """Whether pictures are being read that it starts from."""
        return self.canvas is None and self.record.extent.given > 0

    @property
    def all_made(self) -> bool:
        """Whether the engine has finished every picture."""
        return len(self.made) == self.request.count

    @property
    def stored(self) -> list[Output]:
        """The pictures that are in the store, in their order."""
        outputs = dict(self.outputs)
        return [outputs[index] for index in sorted(outputs)]

    @property
    def complete(self) -> bool:
        """Whether every picture is in the store."""
        return len(self.outputs) == self.request.count

    @property
    def deadline(self) -> float:
        """When the job fails for taking too long, on the monotonic clock."""
        return self.started + float(self.job.timeout or 0)

    def task_id(self, index: int) -> str:
        """The engine's id for picture `index`. Another attempt at the job has other ids."""
        return f"{self.id}/{self.lease.id}/{index}"

    def image_request(self, index: int) -> ImageRequest:
        """Picture `index` as the engine takes it."""
        if self.canvas is None:
            raise RuntimeError("A job went to the engine before its pictures were prepared.")
        asked = image_request(
            self.request.alone(index), self.canvas, self.controls, self.ip_adapters, self.regions
        )
        asked = replace(asked, reference_only=self.reference_only)
        towards, second = asked.blend_prompt, asked.enlarge
        if second and second.prompt:
            second = replace(second, prompt=self.readings.get(second.prompt, second.prompt))
        return replace(
            asked,
            prompt=self.readings.get(asked.prompt, asked.prompt),
            enlarge=second,
            blend_prompt=towards and self.readings.get(towards, towards),
            regions=tuple(
                replace(each, prompt=self.readings.get(each.prompt, each.prompt))
                for each in asked.regions
            ),
        )

    def progress(self, engine: Engine) -> Progress:
        """How far all the job's pictures are together, in the steps that were asked for."""
        request = self.request
        made = self.made | self.outputs.keys()
        done = float(sum(map(request.picture_steps, made)))
        stages = {Stage.DONE} if made else set[Stage]()
        for index in set(range(self.request.count)) - made:
            with suppress(KeyError):  # not yet in the engine, or just out of it
                state = engine.progress(self.task_id(index))
                done += request.picture_steps(index) * state.step / max(1, state.steps)
                stages.add(state.stage)
        # A picture that has just left the engine is no less far.
        steps = request.all_steps
        fraction = self.furthest = max(self.furthest, done / steps)
        return Progress(
            step=int(fraction * steps),
            steps=steps,
            fraction=round(fraction, 4),
            stage=STAGES[min(stages)] if stages else None,
        )


def image_request(
    request: ResolvedRequest,
    canvas: Canvas,
    controls: tuple[Control, ...] = (),
    ip_adapters: tuple[IPAdapter, ...] = (),
    regions: tuple[Region, ...] = (),
) -> ImageRequest:
    """A request for one picture as the engine takes it, on its canvas."""
    return ImageRequest(
        model=request.model,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=canvas.width,
        height=canvas.height,
        steps=request.steps,
        guidance_scale=request.guidance_scale,
        seed=request.seed,
        sampler=request.sampler,
        schedule=request.schedule,
        guidance_rescale=request.guidance_rescale,
        true_cfg_scale=request.true_cfg_scale,
        clip_skip=request.clip_skip,
        image_guidance_scale=request.image_guidance_scale or 0.0,
        image=canvas.image,
        references=canvas.references,
        mask=canvas.mask,
        differential=request.mask_grey == "strength",
        # The surroundings' colours are in the canvas already.
        fill="original" if request.fill == "fill" else request.fill,
        strength=request.strength,
        enlarge=_second_pass(canvas, request),
        loras=tuple(map(_lora, request.loras)),
        controls=controls,
        ip_adapters=ip_adapters,
        regions=regions,
        variation_seed=request.variation_seed,
        variation_strength=request.variation_strength,
        blend_prompt=request.blend_prompt,
        blend=request.blend,
        vae=request.vae,
        class_label=request.class_label,
        restore_faces=_restored(request.restore_faces),
        tiling=request.tiling,
        freeu=request.freeu and FreeU(**request.freeu.model_dump()),
        dynamic_thresholding=request.dynamic_thresholding
        and DynamicThresholding(**request.dynamic_thresholding.model_dump()),
        pag_scale=request.pag_scale,
        cfg_plus_plus=request.cfg_plus_plus,
        exact=request.exact,
        trace=trace_wish(request),
    )


def _lora(asked: parts.Lora) -> Lora:
    """A LoRA with what its weights by block say of the text encoders in their own weight."""
    blocks: dict[str, float] = {**asked.block_weights}
    reading, base = asked.text_encoder_weight, blocks.pop("BASE", 1.0)
    if base != 1:
        reading = base * (asked.weight if reading is None else reading)
    return Lora(asked.name, asked.weight, reading, tuple(sorted(blocks.items())))


def _restored(asked: parts.RestoreFaces | None) -> RestoreFaces | None:
    return asked and RestoreFaces(asked.model or "", asked.strength)


def _second_pass(canvas: Canvas, request: ResolvedRequest) -> Enlarge | None:
    """The second pass, with the words that it has of its own."""
    if canvas.enlarge is None or request.hires is None:
        return canvas.enlarge
    hires = request.hires
    return replace(canvas.enlarge, prompt=hires.prompt, negative_prompt=hires.negative_prompt)


def trace_wish(request: ResolvedRequest) -> TraceWish | None:
    """What the engine is to keep of a picture's steps."""
    asked = wish(request.trace)
    if asked is None:
        return None
    steps = None if asked.steps is None else frozenset(asked.steps)
    return TraceWish(steps, asked.attention)


def parse_task_id(task_id: str) -> tuple[str, str, int]:
    """The job's id, the execution's id and the picture's number in a task's id."""
    job_id, execution_id, index = task_id.split("/")
    return job_id, execution_id, int(index)
