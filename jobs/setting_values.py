"""Values of settings that are more than a number or a word: lists, folders, addresses."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fsspec.registry import available_protocols
from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@*\s]+")

HOST_NAME = re.compile(r"(?!-)[\w-]+(\.[\w-]+)*\.?")
"""Letters of any script, as a browser shows them, or their punycode."""

REDIS = ("redis", "rediss", "redis+sentinel", "rediss+sentinel", "unix")
"""Ways to a Redis: plain, by TLS, by those who know which one is master, by a socket."""

NUMBERS = re.compile(r"[\d.]+")
"""What would be an address of IPv4, and is no host name where it is none."""


def _split(value: Any) -> Any:
    return tuple(filter(None, re.split(r"[,\s]+", value))) if isinstance(value, str) else value


def _paths(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(Path(each).expanduser() for each in value.split(os.pathsep) if each.strip())


def _address(value: str) -> str:
    if value and not re.fullmatch(r"https?://[^/?#@\s]+/?", value):
        raise ValueError("it must be http:// or https:// and a host, without a path")
    return value.rstrip("/")


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    origins = tuple(each.lower().rstrip("/") for each in value)
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin} is no origin; one is like https://app.example:8443")
    return origins


def _is_network(value: str) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True


def _is_host(value: str) -> bool:
    return bool(HOST_NAME.fullmatch(value)) and not NUMBERS.fullmatch(value)


def _hosts(value: tuple[str, ...]) -> tuple[str, ...]:
    for host in value:
        # Addresses are let in without being named, and may be named.
        if not _is_host(host.removeprefix(".")) and not _is_network(host):
            raise ValueError(f"{host} is no host name; one is like app.example, without a port")
    return value


def _receivers(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        if not _is_host(each) and not _is_network(each):
            raise ValueError(f"{each} is neither a network such as 192.168.1.0/24 nor a host name")
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", value):
        raise ValueError("it must be http:// or https:// and a host")
    return value


def _redis(value: str) -> str:
    if urlsplit(value).scheme not in REDIS:
        raise ValueError(f"it must begin with one of {', '.join(f'{each}://' for each in REDIS)}")
    # Several Sentinels are no host and port that the standard library can read.
    if "," not in value:
        _ = urlsplit(value).port
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _store(value: str) -> str:
    protocol, found, rest = value.partition("://")
    if not found:
        return value
    protocol = protocol.partition("::")[0]
    if protocol not in available_protocols():
        raise ValueError(f"no image store is spoken to by {protocol}://; s3://bucket/folder is one")
    if protocol == "s3" and not rest.strip("/"):
        raise ValueError("it must name a bucket, as s3://bucket/folder does")
    return value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for network in value:
        ipaddress.ip_network(network, strict=False)
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A list that is written with commas."""

Folders = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_paths)]
"""Folders as the system writes a list of them."""

PublicUrl = Annotated[str, AfterValidator(_address)]
"""A scheme and a host, without a slash behind it."""

Origins = Annotated[Names, AfterValidator(_origins)]
"""Origins as browsers send them."""

Networks = Annotated[Names, AfterValidator(_networks)]
"""Addresses, or networks in CIDR notation."""

Hosts = Annotated[Names, AfterValidator(_hosts)]
"""Host names, and with a dot before it whatever is below one."""

Receivers = Annotated[Names, AfterValidator(_receivers)]
"""Networks in CIDR notation, and host names."""

Url = Annotated[str, AfterValidator(_url)]
"""Where another server is, perhaps below a path."""

RedisUrl = Annotated[str, AfterValidator(_redis)]
"""Where Redis is, as redis-py writes it, or behind Sentinels."""

Store = Annotated[str, AfterValidator(_store)]
"""A folder, or a URL of a kind that fsspec knows."""

LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]
"""How serious a record must be to be written; in small letters, too."""
