"""Values of settings that are more than a number or a word: lists, folders, addresses."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@*\s]+")


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
