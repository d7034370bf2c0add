"""The table of docs/security.md, and a request for each of its rows."""

from __future__ import annotations

import base64
import io
import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from redis import Redis
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from jobs import devices
from jobs.additions import additions, uploads
from jobs.queue import queue
from jobs.records.record import read
from jobs.request.request import GenerationRequest
from jobs.request.resolve import resolve
from tests.compat.a1111.client import Quick
from tests.compat.comfyui.graphs import changed, node, text_to_image
from tests.running.errands import PLACE, answered
from tests.running.hand_worker import CARD, HandWorker, png
from tests.running.paths import REPOSITORY

PAGE = REPOSITORY / "docs" / "security.md"
ROW = re.compile(r"^\| `([A-Z]+) (/\S*)`[^|]*\|((?: \d{3} \|){5})$", re.MULTILINE)
WHO = ("none", "wrong", "revoked", "user", "admin")

PICTURE = base64.b64encode(png()).decode()

BODIES: dict[str, Callable[[Redis], dict[str, Any]]] = {
    "POST /api/v1/jobs": lambda redis: {"prompt": "red apple"},
    "POST /api/v1/forecast": lambda redis: {"request": {"prompt": "red apple"}},
    "POST /api/v1/jobs/<job_id>/position": lambda redis: {"to": "first"},
    "PUT /api/v1/quotas/<owner>": lambda redis: {"queued": 20},
    "POST /api/v1/pair": lambda redis: {"code": devices.new_code(redis), "name": "phone"},
    "POST /api/v1/pairing-codes": lambda redis: {},
    "POST /api/v1/session": lambda redis: {"token": devices.create(redis, "page")[1]},
    "POST /v1/images/generations": lambda redis: {"prompt": "red apple"},
    "POST /sdapi/v1/txt2img": lambda redis: {"prompt": "red apple"},
    "POST /sdapi/v1/img2img": lambda redis: {"prompt": "red apple", "init_images": [PICTURE]},
    "POST /sdapi/v1/options": lambda redis: {"sd_model_checkpoint": CARD.name},
    "POST /sdapi/v1/extra-single-image": lambda redis: {"image": PICTURE},
    "POST /sdapi/v1/extra-batch-images": lambda redis: {"imageList": [{"data": PICTURE}]},
    "POST /sdapi/v1/png-info": lambda redis: {"image": PICTURE},
    "POST /sdapi/v1/interrogate": lambda redis: {"image": PICTURE, "model": "clip"},
    "POST /api/v1/images/<image_id>/links": lambda redis: {"hours": 1},
    "POST /api/v1/albums": lambda redis: {"name": "Summer"},
    "PATCH /api/v1/albums/<album_id>": lambda redis: {"name": "Summer"},
    "POST /api/v1/grids": lambda redis: {
        "request": {"prompt": "red apple"},
        "axes": [{"field": "/steps", "values": [2, 4]}],
    },
    "POST /api/v1/presets": lambda redis: {"name": "Ink", "request": {}},
    "PUT /api/v1/presets/<preset_id>": lambda redis: {"name": "Ink", "request": {}},
    "POST /api/v1/archives": lambda redis: {"images": ["x-0"]},
    "POST /api/v1/models/lookups": lambda redis: {"source": "someone/something"},
    "POST /api/v1/models/search/pictures": lambda redis: {"url": "https://127.0.0.1/x.png"},
    "POST /api/v1/models/additions": lambda redis: {"source": "someone/something"},
    "PUT /api/v1/styles/<path:name>": lambda redis: {"prompt": "round"},
    "PATCH /api/v1/models/<model>": lambda redis: {"title": "Small"},
    "PATCH /api/v1/models/add-ons/<kind>/<add_on>": lambda redis: {"title": "Small"},
    "POST /api/show": lambda redis: {"model": CARD.name},
    "POST /api/generate": lambda redis: {"model": CARD.name, "prompt": "red apple"},
    "POST /api/chat": lambda redis: {"model": CARD.name, "messages": []},
    "POST /controlnet/detect": lambda redis: {"controlnet_images": [PICTURE]},
}
"""JSON bodies that are right, by their routes."""

GRAPH = changed(
    text_to_image(sampler_name="ddim"),
    n4=node("CheckpointLoaderSimple", ckpt_name=CARD.name),
)

for below in ("", "/api"):
    BODIES[f"POST {below}/prompt"] = lambda redis: {"prompt": GRAPH}
    for path in ("queue", "history", "interrupt", "free"):
        BODIES[f"POST {below}/{path}"] = lambda redis: {}

FORMS: dict[str, dict[str, str]] = {
    "POST /v1/images/edits": {"prompt": "red apple"},
    "POST /v1/images/variations": {},
}

PREVIEW = re.compile(r"PUT /api/v1/models/.*/preview")
"""Routes that take a picture alone."""

HEADERS: dict[str, dict[str, str]] = {
    "POST /api/v1/models/uploads": {"Upload-Length": "5"},
    "PATCH /api/v1/models/uploads/<upload_id>": {
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    },
}
"""What a request says beside its body, by route."""

UPLOADS = re.compile(r"POST (/api)?/upload/(image|mask)")
"""Routes of ComfyUI's that take a picture; a mask is for one that is somebody else's."""

VIEW = re.compile(r"(/api)?/view")
"""Its route that shows a picture, here somebody else's, by its name."""
"""Fields of bodies that are forms, sent along with a picture."""

WAITING = {
    *FORMS,
    "POST /api/generate",
    "POST /v1/images/generations",
    "POST /sdapi/v1/txt2img",
    "POST /sdapi/v1/img2img",
}
"""Routes that answer once their pictures are there."""


@dataclass(frozen=True)
class Row:
    """What the page promises of one method of one route."""

    method: str
    rule: str
    answers: dict[str, int]


@dataclass(frozen=True)
class Call:
    """A request to send; the bytes of its body as Latin-1."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: str | None = None


def promised() -> list[Row]:
    """The rows of the page."""
    return [
        Row(method, rule, dict(zip(WHO, map(int, re.findall(r"\d+", cells)), strict=True)))
        for method, rule, cells in ROW.findall(PAGE.read_text())
    ]


def routes(app: Flask) -> set[tuple[str, str]]:
    """Every method of every route of the application, but for HEAD and OPTIONS."""
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


class Situation:
    """A job, a picture and a device of somebody else, and callers of every kind."""

    def __init__(self, redis: Redis, worker: HandWorker) -> None:
        self.redis, self.worker = redis, worker
        _, user = devices.create(redis, "user")
        _, admin = devices.create(redis, "admin", "admin")
        gone, revoked = devices.create(redis, "revoked", "admin")
        devices.revoke(redis, gone.id)
        wrong = "dk_" + "x" * 43
        self.tokens = {"wrong": wrong, "revoked": revoked, "user": user, "admin": admin}

    def headers(self, who: str) -> dict[str, str]:
        """What a caller of this kind sends."""
        token = self.tokens.get(who)
        return {"Authorization": f"Bearer {token}"} if token else {}

    def calls(self) -> Iterator[tuple[Row, str, Call, int]]:
        """Every request that the page promises an answer to, and the answer."""
        with answered(self.redis, self.worker):
            for row in promised():
                yield from self._calls_of(row)

    def _calls_of(self, row: Row) -> Iterator[tuple[Row, str, Call, int]]:
        for who in WHO:
            for method in ("GET", "HEAD") if row.method == "GET" else (row.method,):
                call = self.call(method, row, who)
                waits = f"{row.method} {row.rule}" in WAITING
                with Quick(self.redis, self.worker) if waits else nullcontext():
                    yield row, who, call, row.answers[who]

    def call(self, method: str, row: Row, who: str) -> Call:
        """A request of this row, each with things of its own to end or delete."""
        body, sent = self._body(f"{method} {row.rule}")
        headers = {**self.headers(who), **sent, "X-Darkroom-Request": "test"}
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: self._value(found[1], row.rule), row.rule)
        if VIEW.fullmatch(row.rule):
            path += f"?filename=ComfyUI_{self._picture()}.png"
        return Call(method, path, headers, body)

    def _body(self, route: str) -> tuple[str | None, dict[str, str]]:
        """A body that is right, and the header that says what it is."""
        if route in HEADERS:
            return "12345" if route.startswith("PATCH") else None, HEADERS[route]
        if PREVIEW.fullmatch(route):
            return png().decode("latin-1"), {"Content-Type": "image/png"}
        if route in BODIES:
            body = json.dumps(BODIES[route](self.redis))
            return body, {"Content-Type": "application/json"}
        if route in FORMS or UPLOADS.fullmatch(route):
            named = json.dumps({"filename": f"{self._picture()}.png"})
            fields = FORMS.get(route, {"original_ref": named}) | {
                "image": FileStorage(io.BytesIO(png()), "image.png")
            }
            boundary, form = encode_multipart(fields)
            kind = f"multipart/form-data; boundary={boundary}"
            return form.decode("latin-1"), {"Content-Type": kind}
        return None, {}

    def _value(self, name: str, rule: str) -> str:
        if name == "job_id":
            return self._job()
        if name == "image_id":
            return self._picture()
        if name == "device_id":
            return devices.create(self.redis, "somebody's")[0].id
        if name == "addition_id":
            return self._addition()
        if name == "upload_id":
            return uploads.create(self.redis, 5, "word.safetensors", None).id
        if name in ("index", "step", "what"):
            return "x0" if name == "what" else "0"
        if name == "kind":
            return "vae"
        if rule.endswith("/training"):
            # What a model was taught is told by a worker that has it.
            return "nothing"
        if name == "owner":
            return "anna"
        if name == "album_id":
            return "favourites"
        if name == "worker":
            return self.worker.info.name
        if name == "prompt_id":
            return str(uuid.UUID(self._job()))
        if name == "folder":
            return "checkpoints"
        return CARD.name if name == "model" or rule.startswith("/v1/models/") else "logo.svg"

    def _job(self) -> str:
        request = resolve(GenerationRequest(prompt="x"), [CARD], {})
        job_id = queue.submit(self.redis, request, "local").id
        # Ended, so that its events end as well.
        queue.cancel(self.redis, job_id)
        return job_id

    def _addition(self) -> str:
        name = uuid.uuid4().hex
        plan: dict[str, Any] = {}
        addition = additions.create(
            self.redis,
            source="someone/something",
            name=name,
            kind="model",
            place=PLACE,
            total=5,
            plan=plan,
        )
        # Ended, so that its events end as well.
        additions.cancel(self.redis, addition.id)
        return addition.id

    def _picture(self) -> str:
        request = resolve(GenerationRequest(prompt="x"), [CARD], {})
        job_id = queue.submit(self.redis, request, "local").id
        assert read(self.redis, job_id)
        return self.worker.run(job_id)[0]
