"""What happens to a job, as the messages that ComfyUI's clients follow it by."""

from __future__ import annotations

import base64
import json
import struct
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from redis import Redis

from jobs.records.events import DoneEvent, Event, PreviewEvent, ProgressEvent, StatusEvent
from jobs.records.record import JobRecord, read
from server.compat.comfyui.history import ending, last_word, output
from server.compat.comfyui.prompts import Prompt, Prompts

PREVIEW, JPEG = 1, 1
"""ComfyUI's numbers for a message that is a preview, and for its format."""

REMEMBERED = 256
"""Jobs of which a client's socket remembers whose they are."""

Sent = str | bytes


class Messages:
    """The messages of one client: of its own prompts, and of those that name no client."""

    def __init__(self, redis: Redis, prompts: Prompts, client_id: str) -> None:
        self._redis = redis
        self._prompts = prompts
        self._client_id = client_id
        self._known: OrderedDict[str, Prompt | None] = OrderedDict()
        self._at: dict[str, str] = {}

    def status(self, remaining: int, **more: Any) -> Sent:
        """How many prompts have not ended."""
        status = {"exec_info": {"queue_remaining": remaining}}
        return _message("status", {"status": status, **more})

    def running(self, prompt: Prompt, record: JobRecord) -> Iterator[Sent]:
        """Where a prompt is that ran already when its client came."""
        if self._is_for_it(prompt):
            self._known[prompt.job] = prompt
            yield from self._begun(prompt)
            if record.progress is not None:
                yield from self._progress(prompt, record.progress.step, record.progress.steps)

    def of(self, event: Event, record: JobRecord | None) -> Iterator[Sent]:
        """The messages of an event; the end of a job comes with its record, if it is there."""
        prompt = self._prompt(event.job)
        if prompt is None:
            return
        if isinstance(event, StatusEvent):
            if event.status == "running":
                yield from self._begun(prompt)
        elif isinstance(event, ProgressEvent):
            yield from self._progress(prompt, event.progress.step, event.progress.steps)
        elif isinstance(event, PreviewEvent):
            yield from _preview(event)
        elif isinstance(event, DoneEvent):
            yield from self._ended(prompt, record or read(self._redis, event.job))
            self._known.pop(event.job, None)
            self._at.pop(event.job, None)

    def _prompt(self, job_id: str) -> Prompt | None:
        if job_id not in self._known:
            found = self._prompts.of_job(job_id)
            self._known[job_id] = found if found and self._is_for_it(found) else None
            if len(self._known) > REMEMBERED:
                oldest, _ = self._known.popitem(last=False)
                self._at.pop(oldest, None)
        return self._known[job_id]

    def _is_for_it(self, prompt: Prompt) -> bool:
        return prompt.client_id in (None, self._client_id)

    def _begun(self, prompt: Prompt) -> Iterator[Sent]:
        about = _about(prompt)
        yield _message("execution_start", about)
        yield _message("execution_cached", {"nodes": [], **about})
        yield self._executing(prompt, prompt.worker)

    def _progress(self, prompt: Prompt, step: int, steps: int) -> Iterator[Sent]:
        """A step: of the first sampler, until it has made all of its own."""
        node = prompt.worker
        if prompt.second is not None and step > prompt.first_steps:
            node = prompt.second
        if self._at.get(prompt.job) != node:
            yield self._executing(prompt, node)
        if steps:
            said = {"value": step, "max": steps, "prompt_id": prompt.id, "node": node}
            yield _message("progress", said)

    def _ended(self, prompt: Prompt, record: JobRecord | None) -> Iterator[Sent]:
        if record is None:
            return
        if record.status == "succeeded":
            for node in prompt.shown:
                yield self._executing(prompt, node)
                made = output(prompt, record, node)
                where = {"node": node, "display_node": node, "prompt_id": prompt.id}
                yield _message("executed", {**where, "output": made})
        yield _message(last_word(record), {**_about(prompt), **ending(prompt, record)})
        # What clients wait for, whichever way it ended.
        yield self._executing(prompt, None)

    def _executing(self, prompt: Prompt, node: str | None) -> Sent:
        if node is not None:
            self._at[prompt.job] = node
        said = {"node": node, "display_node": node, "prompt_id": prompt.id}
        if node is None:
            del said["display_node"]
        return _message("executing", said)


def feature_flags(flags: dict[str, Any]) -> Sent:
    """What of the protocol's newer parts is spoken, for a client that has said what it speaks."""
    return _message("feature_flags", flags)


def _preview(event: PreviewEvent) -> Iterator[bytes]:
    """A preview of the first picture: ComfyUI has one of a whole batch."""
    head, _, data = event.image.partition(",")
    if event.index == 0 and head == "data:image/jpeg;base64":
        yield struct.pack(">II", PREVIEW, JPEG) + base64.b64decode(data)


def _about(prompt: Prompt) -> dict[str, Any]:
    return {"prompt_id": prompt.id, "timestamp": int(time.time() * 1000)}


def _message(kind: str, data: dict[str, Any]) -> str:
    return json.dumps({"type": kind, "data": data})
