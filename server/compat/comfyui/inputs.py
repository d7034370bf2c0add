"""Pictures that a client has sent to start from, by the names that it gave, until they expire."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import cast

from pydantic import BaseModel
from redis import Redis

from jobs.connection import now
from jobs.pictures import sandbox
from jobs.pictures.image_store import ImageStore, input_id
from jobs.queue.queue import new_job_id
from server.compat.comfyui.graph.pixels import Loaded
from server.door.auth import caller
from server.outages import StoreAway
from server.resources import resources

log = logging.getLogger(__name__)

LIFETIME = 7 * 24 * 3600
"""Seconds that a picture is kept for after it was sent."""

MOST = 200
"""Pictures of an owner that are kept; the oldest go."""

EXPIRING = "darkroom:comfyui:expiring"
"""A sorted set: each picture of everybody's, by when it may go. Whoever sends one removes a few."""

AT_ONCE = 50

LONGEST = 200
"""Characters of a name with its folder."""


class Input(BaseModel):
    """One picture: its id in the store, what it is known by, and its size."""

    image: str
    digest: str
    width: int
    height: int


@dataclass(frozen=True)
class Inputs:
    """The pictures that one owner has sent."""

    redis: Redis
    store: ImageStore
    owner: str

    @property
    def _key(self) -> str:
        """Key of a hash: each picture by its name, with its folder before it."""
        return f"darkroom:comfyui:inputs:{self.owner}"

    def names(self) -> list[str]:
        """The names of all of them."""
        return sorted(each.decode() for each in cast("list[bytes]", self.redis.hkeys(self._key)))

    def find(self, name: str) -> Input | None:
        """The picture of a name."""
        kept = cast("bytes | None", self.redis.hget(self._key, name))
        return Input.model_validate_json(kept) if kept else None

    def load(self, found: Input) -> Loaded:
        """Its bytes. Raises a 503, or FileNotFoundError where it has expired."""
        return Loaded(stored(self.store, found.image), found.width, found.height)

    def keep(self, name: str, data: bytes, *, overwrite: bool) -> str:
        """Keep a picture under a name, or under the next that is free; the name that it got.

        The same bytes under one name are one picture. Raises BadPicture, or a 503.
        """
        opened = sandbox.decode(data, "whole")
        digest = sha256(opened.png).hexdigest()
        if not overwrite:
            path, number = PurePosixPath(name), 0
            while (there := self.find(name)) is not None and there.digest != digest:
                number += 1
                name = str(path.with_name(f"{path.stem} ({number}){path.suffix}"))
        found = self.find(name)
        if found is None or found.digest != digest:
            self._put(name, opened, digest, found)
        return name

    def _put(self, name: str, opened: sandbox.Decoded, digest: str, old: Input | None) -> None:
        image = input_id(new_job_id(), 0)
        try:
            self.store.put(image, opened.png)
        except OSError as error:
            raise StoreAway from error
        kept = Input(image=image, digest=digest, width=opened.width, height=opened.height)
        moment = now(self.redis)
        with self.redis.pipeline() as pipe:
            pipe.hset(self._key, name, kept.model_dump_json())
            pipe.expire(self._key, LIFETIME)
            pipe.zadd(EXPIRING, {f"{self.owner}\n{name}\n{image}": moment + LIFETIME})
            if old is not None:
                pipe.zadd(EXPIRING, {f"{self.owner}\n{name}\n{old.image}": 0})
            pipe.execute()
        self._make_room()
        self._sweep(moment)

    def _make_room(self) -> None:
        """Let the oldest go where an owner has more than may be kept."""
        kept = cast("dict[bytes, bytes]", self.redis.hgetall(self._key))
        if len(kept) <= MOST:
            return
        # Ids sort by time.
        each = sorted(
            (Input.model_validate_json(value).image, name) for name, value in kept.items()
        )
        for image, name in each[: len(kept) - MOST]:
            self.redis.zadd(EXPIRING, {f"{self.owner}\n{name.decode()}\n{image}": 0})

    def _sweep(self, moment: float) -> None:
        """Remove pictures of anybody's that have expired."""
        gone = cast(
            "list[bytes]", self.redis.zrangebyscore(EXPIRING, 0, moment, start=0, num=AT_ONCE)
        )
        for member in gone:
            owner, name, image = member.decode().split("\n")
            theirs = Inputs(self.redis, self.store, owner)
            found = theirs.find(name)
            try:
                self.store.delete(image)
            except OSError as error:
                log.warning("A picture that has expired, %s, stays: %s", image, error)
                continue
            with self.redis.pipeline() as pipe:
                if found is not None and found.image == image:
                    pipe.hdel(theirs._key, name)
                pipe.zrem(EXPIRING, member)
                pipe.execute()


def current_inputs() -> Inputs:
    """Those of whoever sent this request."""
    here = resources()
    return Inputs(here.redis, here.store, caller().owner)


def stored(store: ImageStore, image: str) -> bytes:
    """A picture of the store. Raises a 503, or FileNotFoundError."""
    try:
        return store.read(image)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreAway from error
