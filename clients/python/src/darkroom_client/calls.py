"""What is sent and what an answer means, without sending anything: both clients share it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import quote

import httpx

from darkroom_client import errors, records
from darkroom_client.fields import Control, IPAdapter, PictureInput, Region
from darkroom_client.formats import Format
from darkroom_client.records import Job, Json, LoadedPicture, Model, Picture, State
from darkroom_client.wording import wording_of

URL = "http://127.0.0.1:7860"
"""Where a server on this machine is, if nobody says otherwise."""

PREFIX = "/api/v1"

IMAGE_ID = re.compile(r"[0-9a-f]{32}-i?[0-9]{1,4}")
"""The id of a picture; every other text names a file."""

INTERRUPTED = (KeyboardInterrupt, asyncio.CancelledError)
"""What ends a wait that nobody is interested in any more."""

FAREWELL = 5.0
"""Seconds that a request may take which cancels what somebody gave up."""

COME_BACK = (429, 502, 503, 504)
"""Answers that will be others in a while."""

LONGEST_PAUSE = 10.0
"""Seconds between two tries at most, whatever the server asks for: it may be free sooner."""

PAGE = 100
"""Jobs asked for at once."""


@dataclass(frozen=True)
class Call:
    """One request, to be sent as often as it takes: it means the same each time."""

    method: str
    path: str
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass
class Where:
    """A server, how to come in, for how many seconds to bear with it, and whether it ever spoke."""

    url: str
    token: str
    verify: ssl.SSLContext | bool
    patience: float
    answered: bool = False

    @classmethod
    def of(
        cls,
        url: str | None,
        token: str | None,
        verify: ssl.SSLContext | str | os.PathLike[str] | bool,
        patience: float,
    ) -> Where:
        """What was said, and for the rest DARKROOM_URL and DARKROOM_TOKEN.

        Raises NoServer for what is no address.
        """
        url = (url or os.environ.get("DARKROOM_URL") or URL).rstrip("/")
        token = (os.environ.get("DARKROOM_TOKEN", "") if token is None else token).strip()
        if not re.match("https?://[^/]", url):
            raise errors.NoServer(f"{url!r} is no server's address, such as {URL}")
        if not token.isascii():
            raise errors.DarkroomError("The token is none: a server's have ASCII characters only.")
        if isinstance(verify, str | os.PathLike):
            verify = ssl.create_default_context(cafile=verify)
        return cls(url, token, verify, patience)

    @property
    def settings(self) -> dict[str, Any]:
        """What an httpx client is made with."""
        return {
            "base_url": self.url + PREFIX,
            "headers": {"Authorization": f"Bearer {self.token}"} if self.token else {},
            "verify": self.verify,
            "timeout": httpx.Timeout(30, connect=5),
        }


class Patience:
    """How often and how long a call is tried again before its error counts."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self.renew()

    def renew(self) -> None:
        """The server does what it should: from now on there is as much patience as ever."""
        self._deadline = time.monotonic() + self._where.patience

    def after(self, error: httpx.TransportError) -> float:
        """Seconds to wait after a connection broke. Raises NoServer."""
        # Where nothing listens and nothing ever did, waiting would only hide a wrong address.
        nothing = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        wrong = nothing and not self._where.answered
        left = self._deadline - time.monotonic()
        if wrong or left <= 0:
            url = self._where.url
            raise errors.NoServer(f"No Darkroom answers at {url} ({error})") from error
        return min(0.5, left)

    def answered(self, response: httpx.Response) -> float | None:
        """Seconds to wait before trying again; None if this answer, now read, is the one."""
        self._where.answered = True
        if not response.is_error:
            return None
        left = self._deadline - time.monotonic()
        if response.status_code not in COME_BACK or left <= 0:
            raise refusal(response)
        asked = response.headers.get("Retry-After", "")
        return min(float(asked) if asked.isdigit() else 1.0, LONGEST_PAUSE, left)


def submit(prompt: str, fields: Mapping[str, Any]) -> Call:
    """Create a job. Reads the files of pictures; however often it is sent, it makes one job."""
    request: Json = {"prompt": prompt, **fields}
    files: dict[str, tuple[str, bytes]] = {}

    def place(name: str, given: PictureInput) -> str | None:
        known = named(given)
        if known is None:
            files[name] = (name, read(given))
        return known

    def masked(part: Control | IPAdapter, name: str) -> Json:
        mask = part.get("mask")
        return {} if mask is None else {"mask": place(name, mask)}

    for name in ("image", "mask"):
        if request.get(name) is not None:
            request[name] = place(name, request[name])
    if "references" in request:
        request["references"] = [
            place(f"reference_{index}", given)
            for index, given in enumerate(cast("Sequence[PictureInput]", request["references"]))
        ]
    if "controls" in request:
        request["controls"] = [
            {**control, "image": place(f"control_{index}", control["image"])}
            | masked(control, f"control_mask_{index}")
            for index, control in enumerate(cast("Sequence[Control]", request["controls"]))
        ]
    if "ip_adapters" in request:
        request["ip_adapters"] = [
            {
                **adapter,
                "images": [
                    place(f"ip_adapter_{index}_{at}" if at else f"ip_adapter_{index}", given)
                    for at, given in enumerate(adapter["images"])
                ],
            }
            | masked(adapter, f"ip_adapter_mask_{index}")
            for index, adapter in enumerate(cast("Sequence[IPAdapter]", request["ip_adapters"]))
        ]
    if (like := request.get("reference_only")) is not None:
        request["reference_only"] = {**like, "image": place("reference_only", like["image"])}
    if "regions" in request:
        request["regions"] = [
            {**region, "mask": place(f"region_{index}", mask)}
            if (mask := region.get("mask")) is not None
            else region
            for index, region in enumerate(cast("Sequence[Region]", request["regions"]))
        ]
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    if files:
        body = {"data": {"request": json.dumps(request)}, "files": files}
        return Call("POST", "/jobs", {"headers": headers, **body})
    return Call("POST", "/jobs", {"headers": headers, "json": request})


def get(job: Job | str) -> Call:
    """A job as it is now."""
    return Call("GET", _path(job))


def cancel(job: Job | str) -> Call:
    """Cancel a job."""
    return Call("POST", f"{_path(job)}/cancel")


def move(
    job: Job | str,
    to: Literal["first", "last"] | None,
    before: Job | str | None,
    after: Job | str | None,
) -> Call:
    """Move a waiting job in the queue."""
    beside = {name: _id(each) for name, each in (("before", before), ("after", after)) if each}
    where = ({"to": to} if to else {}) | beside
    return Call("POST", f"{_path(job)}/position", {"json": where})


def delete(what: Job | Picture | str) -> Call:
    """Remove a job and its pictures, or one picture of it."""
    if isinstance(what, Picture):
        return Call("DELETE", f"/images/{quote(what.id, safe='')}")
    return Call("DELETE", _path(what))


def models() -> Call:
    """The models that can be asked for."""
    return Call("GET", "/models")


def download(picture: Picture | str, format: Format = "png") -> Call:
    """The bytes of a picture: by its id, since the signature of its URL ends one day."""
    return Call("GET", f"/images/{quote(_id(picture), safe='')}", {"params": {"format": format}})


class Listing:
    """The pages of a list of jobs: `call` asks for the next one until it is None."""

    def __init__(self, status: State | None, owner: str | None, limit: int | None) -> None:
        self._wanted = {"status": status, "owner": owner}
        self._left = limit
        self.call = self._page(None) if limit != 0 else None

    def page(self, answer: Json) -> list[Job]:
        """The jobs of a page, and on to the next one."""
        jobs = [records.job(each) for each in answer["jobs"]][: self._left]
        if self._left is not None:
            self._left -= len(jobs)
        cursor = answer["next_cursor"]
        self.call = self._page(cursor) if cursor and self._left != 0 else None
        return jobs

    def _page(self, cursor: str | None) -> Call:
        size = PAGE if self._left is None else min(PAGE, self._left)
        query = {**self._wanted, "cursor": cursor, "limit": size}
        return Call("GET", "/jobs", {"params": {k: v for k, v in query.items() if v is not None}})


def read_job(response: httpx.Response) -> Job:
    """The job that an answer has."""
    return records.job(response.json())


def read_models(response: httpx.Response) -> list[Model]:
    """The models that an answer has, the default one first."""
    return [records.model(each) for each in response.json()["models"]]


def loaded(picture: Picture, response: httpx.Response) -> LoadedPicture:
    """A picture with the bytes that came."""
    values = {name: getattr(picture, name) for name in Picture.__dataclass_fields__}
    return LoadedPicture(**values, data=response.content)


def pictures_of(job: Job) -> tuple[Picture, ...]:
    """The pictures of a job that ended. Raises JobFailed and JobCanceled."""
    if job.status == "canceled":
        raise errors.JobCanceled("The job was canceled.", job)
    if job.status != "succeeded":
        raise errors.JobFailed(job.error.detail if job.error else "The job failed.", job)
    return job.outputs


def refusal(response: httpx.Response) -> errors.RequestRefused:
    """What an error answer, which was read, is in Python."""
    # A proxy in between answers with a page of its own.
    ours = response.headers.get("Content-Type", "").startswith("application/problem+json")
    problem: Json = response.json() if ours else {}
    status = response.status_code
    detail = problem.get("detail") or f"The server answered {status} {response.reason_phrase}."
    wrong = cast("list[Json]", problem.get("errors", []))
    fields = [
        errors.FieldError(each["pointer"], each["detail"], wording_of(each)) for each in wrong
    ]
    code = str(problem.get("type", "")).removeprefix("urn:darkroom:")
    kind = _KINDS.get(status, errors.RequestRefused)
    return kind(str(detail), status=status, code=code, errors=fields, wording=wording_of(problem))


_KINDS: dict[int, type[errors.RequestRefused]] = {
    401: errors.NotAllowed,
    403: errors.NotAllowed,
    404: errors.NotFound,
    429: errors.QueueFull,
    502: errors.Unavailable,
    503: errors.Unavailable,
    504: errors.Unavailable,
}


def _path(job: Job | str) -> str:
    return f"/jobs/{quote(_id(job), safe='')}"


def _id(record: Job | Picture | str) -> str:
    return record if isinstance(record, str) else record.id


def named(given: PictureInput) -> str | None:
    """A picture as it can be named in a request; None for one that must be sent along."""
    if isinstance(given, Picture):
        return given.id
    if isinstance(given, str) and (given.startswith("data:") or IMAGE_ID.fullmatch(given)):
        return given
    return None


def read(given: PictureInput) -> bytes:
    """The bytes of a picture that is sent along."""
    if isinstance(given, bytes):
        return given
    if isinstance(given, str | os.PathLike):
        return Path(given).read_bytes()
    read: Callable[[], object] = getattr(given, "read", lambda: None)
    data = read()
    if not isinstance(data, bytes):
        found = "a file opened as text" if isinstance(data, str) else type(given).__name__
        raise TypeError(
            f"A picture is a path, bytes, a file opened with 'rb', an earlier picture or its id, "
            f"not {found}."
        )
    return data
