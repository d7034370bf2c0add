"""A small client of the job API, for the command line."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Generator, Iterable, Iterator
from typing import Any, cast
from urllib.parse import urljoin

import httpx

from darkroom import tls
from jobs.settings import settings

PATIENCE = 60.0
"""Seconds to keep trying where the server is busy or starts again."""

TOKEN = "DARKROOM_TOKEN"
"""The variable that has the token for a server on another machine."""

Json = dict[str, Any]


class RequestRefused(Exception):
    """The server's own words on why it did not do what was asked."""


class NoServer(Exception):
    """Nothing answers at that address."""


class Client:
    """Speaks the job API at `url`. Raises RequestRefused and NoServer."""

    def __init__(self, url: str) -> None:
        self.url = url
        # From the environment, since others of this machine see a command's arguments.
        token = os.environ.get(TOKEN, "").strip()
        # No read time-out of its own on events: the server sends a comment every 15 s.
        self._http = httpx.Client(
            base_url=url,
            timeout=httpx.Timeout(30, connect=5),
            headers={"Authorization": f"Bearer {token}"} if token else {},
            verify=tls.trusting(settings().tls_folder),
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def get(self, path: str) -> Json:
        """GET a JSON document."""
        return cast("Json", self._call("GET", path).json())

    def image(self, url: str) -> bytes:
        """The bytes of a picture."""
        return self._call("GET", url).content

    def create(self, request: Json) -> Json:
        """Create a job, waiting where the queue is full; the same job however often it is sent."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return cast(
            "Json", self._call("POST", "/api/v1/jobs", json=request, headers=headers).json()
        )

    def cancel(self, job: Json) -> None:
        """Cancel a job."""
        self._call("POST", job["urls"]["cancel"])

    def follow(self, job: Json) -> Iterator[tuple[str, Json]]:
        """The events of a job as (name, data), through broken connections, until it is done."""
        last_id, deadline = "", time.monotonic() + PATIENCE
        while True:
            try:
                for event_id, name, data in self._events(job["urls"]["events"], last_id):
                    last_id, deadline = event_id, time.monotonic() + PATIENCE
                    yield name, data
                    if name == "done":
                        return
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    raise self._no_server(error) from error
            time.sleep(0.5)

    def _events(self, url: str, last_id: str) -> Generator[tuple[str, str, Json]]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        with self._http.stream("GET", self._absolute(url), headers=headers) as response:
            if response.status_code >= 500:
                raise httpx.ReadError(f"status {response.status_code}")
            if response.is_error:
                response.read()
                raise RequestRefused(explain(response))
            yield from parse_events(response.iter_lines(), last_id)

    def _call(self, method: str, path: str, **more: Any) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                response = self._http.request(method, self._absolute(path), **more)
            except httpx.TransportError as error:
                raise self._no_server(error) from error
            if response.status_code not in (429, 503) or time.monotonic() > deadline:
                break
            wait = response.headers.get("Retry-After", "")
            time.sleep(min(int(wait), 10) if wait.isdigit() else 1)
        if response.is_error:
            raise RequestRefused(explain(response))
        return response

    def _absolute(self, url: str) -> str:
        # A server behind another name gives URLs with that name; we stay where we are.
        return str(
            httpx.URL(urljoin(self.url, url)).copy_with(
                scheme=httpx.URL(self.url).scheme, netloc=httpx.URL(self.url).netloc
            )
        )

    def _no_server(self, error: Exception) -> NoServer:
        return NoServer(f"No Darkroom answers at {self.url} ({error}). Is it running? `make up`")


def parse_events(lines: Iterable[str], last_id: str = "") -> Iterator[tuple[str, str, Json]]:
    """Server-sent events (the HTML standard's section 9.2.6) as (id, name, JSON data)."""
    name, data = "message", list[str]()
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "id":
            last_id = value
        elif field == "data":
            data.append(value)
        elif not line:
            if data:
                yield last_id, name, json.loads("\n".join(data))
            name, data = "message", []


def explain(response: httpx.Response) -> str:
    """A problem+json answer as sentences: what is wrong, and each field with its limit."""
    try:
        problem = cast("Json", response.json())
    except ValueError:
        return f"The server answered {response.status_code} {response.reason_phrase}."
    text = str(problem.get("detail") or problem.get("title") or response.reason_phrase)
    errors = cast("list[Json]", problem.get("errors") or [])
    return "\n".join([text, *(f"  {each['pointer']}: {each['detail']}" for each in errors)])
