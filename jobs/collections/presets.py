"""Presets: parts of a request under a name, such as a style's words or all settings of a form."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis

from jobs.collections.albums import Full

MOST_PRESETS = 300
MOST_BYTES = 16_384
"""Of one preset as JSON: a long prompt in both fields."""


@dataclass(frozen=True)
class Preset:
    """Fields of a request that go together."""

    id: str
    name: str
    request: dict[str, Any]


def _key(owner: str) -> str:
    return f"darkroom:presets:{owner}"


def every(redis: Redis, owner: str) -> list[Preset]:
    """All presets of an owner, by name."""
    kept = cast("dict[bytes, bytes]", redis.hgetall(_key(owner)))
    presets = [_preset(key.decode(), value) for key, value in kept.items()]
    return sorted(presets, key=lambda each: (each.name.casefold(), each.id))


def find(redis: Redis, owner: str, preset: str) -> Preset | None:
    """One preset of an owner."""
    raw = cast("bytes | None", redis.hget(_key(owner), preset))
    return None if raw is None else _preset(preset, raw)


def save(
    redis: Redis, owner: str, name: str, request: dict[str, Any], preset: str | None = None
) -> Preset:
    """Keep a preset, a new one unless its id is given. Raises Full."""
    if preset is None:
        if redis.hlen(_key(owner)) >= MOST_PRESETS:
            raise Full(f"there may be at most {MOST_PRESETS} presets")
        preset = secrets.token_hex(6)
    text = json.dumps({"name": name, "request": request})
    if len(text) > MOST_BYTES:
        raise Full(f"a preset may have at most {MOST_BYTES} bytes of JSON; it has {len(text)}")
    redis.hset(_key(owner), preset, text)
    return Preset(preset, name, request)


def delete(redis: Redis, owner: str, preset: str) -> bool:
    """Forget a preset; whether there was one."""
    return bool(redis.hdel(_key(owner), preset))


def _preset(preset: str, raw: bytes) -> Preset:
    kept = json.loads(raw)
    return Preset(preset, kept["name"], kept["request"])
