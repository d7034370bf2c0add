"""Redis behind Sentinels: they say which Redis is the master, now and after it has failed.

    redis+sentinel://[user:password@]host[:port][,host[:port]...]/NAME[/DATABASE][?option=value]

NAME is what the Sentinels call the master. User and password are the Redis's; what opens the
Sentinels are the options `sentinel_username` and `sentinel_password`. All other options are those
of a Redis's own URL. `rediss+sentinel://` speaks TLS with both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import parse_url  # pyright: ignore[reportUnknownVariableType] untyped url
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

SCHEMES = ("redis+sentinel", "rediss+sentinel")

PORT = 26379
"""Where Sentinels usually listen."""

ASKING = 1.0
"""Seconds one Sentinel may take to say who is master; then the next one is asked."""

ITS_OWN = "sentinel_"
"""How the options begin that are for the Sentinels alone."""

SHAPE = "redis+sentinel://host:26379,host2:26379/NAME/0"


class _Pool(SentinelConnectionPool):
    """Closes its connections to the Sentinels with those to the master."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        super().disconnect(inuse_connections)
        if inuse_connections:
            self.sentinel_manager.close()


@dataclass(frozen=True)
class _Address:
    """What a URL says."""

    sentinels: list[tuple[str, int]]
    name: str
    options: dict[str, Any]
    sentinel_options: dict[str, Any]


def is_of_one(url: str) -> bool:
    """Whether this URL is one of Sentinels."""
    return url.partition("://")[0] in SCHEMES


def connect(url: str, **options: Any) -> Redis:
    """A client of the master, whichever it is; `options` are those of a Redis's connections.

    Raises ValueError where the URL is not of the form above.
    """
    address = _parse(url)
    asking = {
        "socket_timeout": ASKING,
        "socket_connect_timeout": ASKING,
        # There are others to ask, and whoever asked asks again.
        "retry": Retry(NoBackoff(), 0),
    }
    sentinel = Sentinel(
        address.sentinels,
        sentinel_kwargs={**address.sentinel_options, **asking},
        **{**address.options, **options},
    )
    return sentinel.master_for(address.name, connection_pool_class=_Pool)


def place(url: str) -> str:
    """Where it is, in words without secrets. Raises ValueError."""
    address = _parse(url)
    hosts = ", ".join(f"{host}:{port}" for host, port in address.sentinels)
    return f"{address.name} by the Sentinels {hosts}"


def _parse(url: str) -> _Address:
    parts = urlsplit(url)
    opening, _, hosts = parts.netloc.rpartition("@")
    name, _, database = parts.path.strip("/").partition("/")
    if not name or not hosts or not re.fullmatch(r"[0-9]*", database):
        raise ValueError(f"the URL of Sentinels is like {SHAPE}")
    query = parse_qsl(parts.query, keep_blank_values=True)
    own = {key.removeprefix(ITS_OWN): value for key, value in query if key.startswith(ITS_OWN)}
    if unknown := own.keys() - {"username", "password"}:
        raise ValueError(f"there is no option {ITS_OWN}{min(unknown)}")
    others = urlencode([(key, value) for key, value in query if not key.startswith(ITS_OWN)])
    # As the URL of a Redis has it, read by who reads those.
    scheme = parts.scheme.partition("+")[0]
    redis = f"{scheme}://{opening + '@' if opening else ''}host/{database}?{others}"
    options = cast("dict[str, Any]", parse_url(redis))
    del options["host"]
    tls = options.pop("connection_class", None) is not None
    if tls:
        options["ssl"] = True
    secure = {key: value for key, value in options.items() if key.startswith("ssl")}
    return _Address([_host(each) for each in hosts.split(",")], name, options, {**secure, **own})


def _host(text: str) -> tuple[str, int]:
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", text)
    if not found:
        raise ValueError(f"{text!r} is no host of a Sentinel; the URL is like {SHAPE}")
    return found[1].strip("[]"), int(found[2] or PORT)
