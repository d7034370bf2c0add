"""The table of docs/security.md, and a request for each of its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from redis import Redis

from jobs import devices, queue
from jobs.record import read
from jobs.request import GenerationRequest
from jobs.resolve import resolve
from tests.server.helpers import CARD, REPOSITORY, HandWorker

PAGE = REPOSITORY / "docs" / "security.md"
ROW = re.compile(r"^\| `([A-Z]+) (/\S*)`[^|]*\|((?: \d{3} \|){5})$", re.MULTILINE)
WHO = ("none", "wrong", "revoked", "user", "admin")

BODIES: dict[str, Callable[[Redis], dict[str, Any]]] = {
    "POST /api/v1/jobs": lambda redis: {"prompt": "red apple"},
    "POST /api/v1/pair": lambda redis: {"code": devices.new_code(redis), "name": "phone"},
    "POST /api/v1/pairing-codes": lambda redis: {},
    "POST /api/v1/session": lambda redis: {"token": devices.create(redis, "page")[1]},
}
"""Bodies that are right, by their routes."""


@dataclass(frozen=True)
class Row:
    """What the page promises of one method of one route."""

    method: str
    rule: str
    answers: dict[str, int]


@dataclass(frozen=True)
class Call:
    """A request to send."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: dict[str, Any] | None = None


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
        for row in promised():
            for who in WHO:
                for method in ("GET", "HEAD") if row.method == "GET" else (row.method,):
                    yield row, who, self.call(method, row, who), row.answers[who]

    def call(self, method: str, row: Row, who: str) -> Call:
        """A request of this row, each with things of its own to end or delete."""
        body = BODIES.get(f"{method} {row.rule}")
        headers = {**self.headers(who), "X-Darkroom-Request": "test"}
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: self._value(found[1]), row.rule)
        return Call(method, path, headers, body(self.redis) if body else None)

    def _value(self, name: str) -> str:
        if name == "job_id":
            return self._job()
        if name == "image_id":
            return self._picture()
        if name == "device_id":
            return devices.create(self.redis, "somebody's")[0].id
        return "logo.svg"

    def _job(self) -> str:
        request = resolve(GenerationRequest(prompt="x"), [CARD], {})
        job_id = queue.submit(self.redis, request, "local").id
        # Ended, so that its events end as well.
        queue.cancel(self.redis, job_id)
        return job_id

    def _picture(self) -> str:
        request = resolve(GenerationRequest(prompt="x"), [CARD], {})
        job_id = queue.submit(self.redis, request, "local").id
        assert read(self.redis, job_id)
        return self.worker.run(job_id)[0]
