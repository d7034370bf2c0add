"""Albums: pictures under a name. Each user has one of favourites from the beginning."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from redis import Redis

FAVOURITES = "favourites"
"""The id of the album that everybody has; its name is each client's own word for it."""

MOST_ALBUMS = 500
MOST_PICTURES = 10_000
"""In one album: its ids are a megabyte of Redis."""


class Full(Exception):
    """The caller gets 409: there are as many as there may be; the text says of what."""


@dataclass(frozen=True)
class Album:
    """Some pictures of one owner, those that came last first."""

    id: str
    name: str
    created_at: datetime | None
    count: int
    cover: str | None
    """The id of the picture that came last."""


def _names(owner: str) -> str:
    return f"darkroom:albums:{owner}"


def _pictures(owner: str, album: str) -> str:
    return f"darkroom:album:{owner}:{album}"


def every(redis: Redis, owner: str) -> list[Album]:
    """All albums of an owner: the favourites, then by name."""
    named = cast("dict[bytes, bytes]", redis.hgetall(_names(owner)))
    kept = {key.decode(): json.loads(value) for key, value in named.items()}
    names = {FAVOURITES: {"name": "", "created_at": None}, **kept}
    pipe = redis.pipeline(transaction=False)
    for album in names:
        pipe.zcard(_pictures(owner, album))
        pipe.zrange(_pictures(owner, album), 0, 0, desc=True)
    answers = pipe.execute()
    albums = [
        _album(album, said, answers[2 * at], answers[2 * at + 1])
        for at, (album, said) in enumerate(names.items())
    ]
    return sorted(albums, key=lambda each: (each.id != FAVOURITES, each.name.casefold(), each.id))


def find(redis: Redis, owner: str, album: str) -> Album | None:
    """One album of an owner; None where he has none of this id."""
    said = {"name": "", "created_at": None}
    if album != FAVOURITES:
        raw = cast("bytes | None", redis.hget(_names(owner), album))
        if raw is None:
            return None
        said = json.loads(raw)
    key = _pictures(owner, album)
    last = cast("list[bytes]", redis.zrange(key, 0, 0, desc=True))
    return _album(album, said, redis.zcard(key), last)


def create(redis: Redis, owner: str, name: str) -> Album:
    """A new album without pictures. Raises Full."""
    if redis.hlen(_names(owner)) >= MOST_ALBUMS:
        raise Full(f"there may be at most {MOST_ALBUMS} albums")
    album, now = secrets.token_hex(6), datetime.now(UTC)
    redis.hset(_names(owner), album, json.dumps({"name": name, "created_at": now.isoformat()}))
    return Album(album, name, now, 0, None)


def rename(redis: Redis, owner: str, album: Album, name: str) -> None:
    """Give an album another name."""
    created = album.created_at and album.created_at.isoformat()
    redis.hset(_names(owner), album.id, json.dumps({"name": name, "created_at": created}))


def delete(redis: Redis, owner: str, album: str) -> None:
    """Forget an album; its pictures stay where they are. Favourites become none."""
    pipe = redis.pipeline()
    pipe.hdel(_names(owner), album)
    pipe.delete(_pictures(owner, album))
    pipe.execute()


def put(redis: Redis, owner: str, album: str, image: str) -> None:
    """Put a picture into an album; one that is there stays where it is. Raises Full."""
    key = _pictures(owner, album)
    if redis.zcard(key) >= MOST_PICTURES:
        raise Full(f"an album may have at most {MOST_PICTURES} pictures")
    redis.zadd(key, {image: time.time()}, nx=True)


def take(redis: Redis, owner: str, album: str, images: Iterable[str]) -> None:
    """Take pictures out of an album."""
    if gone := list(images):
        redis.zrem(_pictures(owner, album), *gone)


def images(redis: Redis, owner: str, album: str, start: int, limit: int) -> list[str]:
    """Ids of an album's pictures from place `start`, those that came last first."""
    found = redis.zrange(_pictures(owner, album), start, start + limit - 1, desc=True)
    return [each.decode() for each in cast("list[bytes]", found)]


def forget(redis: Redis, owner: str, gone: Iterable[str]) -> None:
    """Take pictures that are deleted out of all albums of their owner."""
    if not (ids := list(gone)):
        return
    named = cast("list[bytes]", redis.hkeys(_names(owner)))
    pipe = redis.pipeline(transaction=False)
    for album in (FAVOURITES, *(each.decode() for each in named)):
        pipe.zrem(_pictures(owner, album), *ids)
    pipe.execute()


def _album(album: str, said: dict[str, str | None], count: int, last: list[bytes]) -> Album:
    created = said["created_at"]
    return Album(
        id=album,
        name=said["name"] or "",
        created_at=datetime.fromisoformat(created) if created else None,
        count=count,
        cover=last[0].decode() if last else None,
    )
