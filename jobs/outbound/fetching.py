"""What this server reads from elsewhere: redirects followed, each to a target that was checked.

A token is for one origin and is sent to no other, wherever a redirect leads: who is given a link to
follow is not given the key as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from jobs.outbound.sending import Pinned, Unreachable, reason
from jobs.outbound.targets import Allowed, Refused, Target, check

HOPS = 6
"""Redirects that are followed: a hub, its storage and a mirror are three."""

REDIRECTS = frozenset((301, 302, 303, 307, 308))

SILENCE = 30.0
"""Seconds in which nothing comes after which a source counts as gone."""

LARGEST_JSON = 8 * 2**20
"""Bytes of an answer in JSON: a page of a hub's search has a tenth."""


@dataclass(frozen=True)
class Elsewhere:
    """From where may be read, and who is shown which token.

    `allowed` are private addresses that the operator allows, over http too. `trusted` are origins
    that the operator chose by a setting, and `tokens` what each is sent as Authorization.
    """

    allowed: Allowed = field(default_factory=Allowed)
    trusted: frozenset[str] = frozenset()
    tokens: Mapping[str, str] = field(default_factory=dict[str, str])

    def target(self, url: str) -> Target:
        """Where a URL leads. Raises Refused where nothing is read from there."""
        origin = origin_of(url)
        if origin in self.trusted:
            host = (urlsplit(url).hostname or "").rstrip(".")
            return check(url, replace(self.allowed, hosts=(*self.allowed.hosts, host)))
        target = check(url, self.allowed)
        if target.parts.scheme != "https" and not self._is_allowed(target):
            raise Refused("must begin with https://")
        return target

    def _is_allowed(self, target: Target) -> bool:
        return target.host in self.allowed.hosts or self.allowed.literal(target.address)


@dataclass(frozen=True)
class Answer:
    """An answer that is being read: its head, and its body as it comes."""

    status: int
    url: str
    _response: HTTPResponse

    def header(self, name: str) -> str | None:
        """A field of the head."""
        return self._response.getheader(name)

    def read(self, size: int) -> bytes:
        """The next bytes, as many as come; none at the end. Raises Unreachable."""
        try:
            return self._response.read1(size)
        except (OSError, HTTPException, ValueError) as error:
            raise Unreachable(reason(error)) from None

    def json(self) -> Any:
        """The body as JSON. Raises Unreachable where it is none, or too much."""
        data = bytearray()
        while more := self.read(1 << 16):
            data += more
            if len(data) > LARGEST_JSON:
                raise Unreachable(f"sent more than {LARGEST_JSON} bytes of JSON")
        try:
            return json.loads(data)
        except ValueError:
            raise Unreachable("sent something that is not JSON") from None


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL; empty for what is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return f"{parts.scheme}://{(parts.hostname or '').rstrip('.')}:{port}"
    except ValueError:
        return ""


@contextmanager
def fetched(
    url: str, elsewhere: Elsewhere, headers: Mapping[str, str] | None = None
) -> Iterator[Answer]:
    """The answer to a GET, after redirects. Raises Refused and Unreachable."""
    for _ in range(HOPS):
        target = elsewhere.target(url)
        said = {"User-Agent": "darkroom", "Accept-Encoding": "identity", **(headers or {})}
        if token := elsewhere.tokens.get(target.origin):
            said["Authorization"] = token
        connection = Pinned(target, SILENCE)
        try:
            response = _ask(connection, target, said)
            if response.status not in REDIRECTS:
                yield Answer(response.status, url, response)
                return
            url = urljoin(url, _tidy(response.getheader("Location") or ""))
        finally:
            connection.close()
    raise Unreachable(f"sent more than {HOPS} redirects")


def _tidy(location: str) -> str:
    """A Location as it should have been sent: some servers leave spaces and accents in it."""
    return quote(location.encode("latin-1", errors="replace"), safe="%/:=&?~#+!$,;'@()*[]")


def _ask(connection: Pinned, target: Target, headers: Mapping[str, str]) -> HTTPResponse:
    try:
        connection.request("GET", target.path, headers=dict(headers))
        return connection.getresponse()
    except (OSError, HTTPException, ValueError) as error:
        raise Unreachable(f"{target.host}: {reason(error)}") from None
