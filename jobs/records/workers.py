"""What live workers say of themselves: models, load, measured rate."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Literal, NamedTuple, cast, get_args

from pydantic import BaseModel, ConfigDict
from redis import Redis

from jobs.request.model_card import ModelCard

WORKERS = "darkroom:workers"
CATALOGUE = "darkroom:catalogue"
"""The models offered last, for the moments in which no worker is alive."""

ALIVE = 10
"""Seconds a worker counts as alive after it last spoke; it speaks every two."""

SPOKEN = 64
"""Workers' words that a process has read and keeps, some kB for each model that they offer."""

LARGE = 1024 * 1024
"""Pixels past which a picture takes longer to be encoded the more it has."""

LARGE_AT_ONCE = 2
"""Such pictures that a worker encodes at once."""

State = Literal["warm", "loading", "cold"]
SOONEST_FIRST: tuple[State, ...] = get_args(State)


class Readiness(NamedTuple):
    """How soon a model can begin on a worker, and how much of it is in memory there, 0 to 1."""

    state: State
    loaded: float


class PictureCost(BaseModel):
    """What a model's pictures of one size cost a worker, in seconds, as measured: a forward takes
    `fixed` and `per_row` for each of its rows, `rows` at most."""

    model_config = ConfigDict(frozen=True)

    model: str
    width: int
    height: int
    fixed: float
    per_row: float
    rows: int
    encode: float
    decode: float

    @property
    def area(self) -> int:
        """Pixels of a picture."""
        return self.width * self.height

    def forward(self, rows: float) -> float:
        """Seconds of as many forwards as so many rows fill."""
        if rows <= self.rows:
            return self.fixed + self.per_row * rows
        return rows / self.rows * (self.fixed + self.per_row * self.rows)


class Measured(BaseModel):
    """What something takes, in seconds, as measured: of up to LARGE pixels, and for each pixel of
    more; None where it was not."""

    model_config = ConfigDict(frozen=True)

    each: float | None = None
    each_pixel: float | None = None

    def seconds(self, pixels: int) -> float | None:
        """What so many pixels should take; None where nothing was measured."""
        if self.each_pixel is not None and (pixels > LARGE or self.each is None):
            return self.each_pixel * pixels
        return self.each and self.each * max(1.0, pixels / LARGE)


class WorkerInfo(BaseModel):
    """One worker: where it runs, what it offers, how busy and how fast it is."""

    model_config = ConfigDict(protected_namespaces=())

    name: str
    host: str
    pid: int
    device: str
    models: list[ModelCard]
    warm: list[str]
    loading: dict[str, float] = {}
    """Models on their way into memory, each with the share of it that is there."""
    running: int
    capacity: int
    jobs_per_second: float | None
    costs: list[PictureCost] = []
    finish_s: float = 0.0
    """Seconds from a picture's last pixel to its job's last word, of one of up to LARGE pixels."""
    finish_pixel_s: float | None = None
    """For each pixel of a larger one, once that was measured, without waiting for others."""
    prepare: Measured = Measured()
    """From taking a job to having ready what it starts from, by the pixels of its pictures."""
    enlarging: dict[str, Measured] = {}
    """What each upscaler takes, by the pixels of what comes out."""
    ready_in: dict[str, float] = {}
    """Models that are not in memory, each with the seconds until it should be, as measured."""
    known: list[str] = []
    """Models that it could offer: those on offer, and those that it was told to leave alone."""
    """Models that are kept in memory."""
    compiled_by: dict[str, str] = {}
    """Models of which networks were compiled for its machine and run so where they can, and what
    compiled them."""
    problems: list[str] = []
    """Sentences on what lies there and cannot be offered."""
    place: str = ""
    """Its machine's folder of models, by the id that lies there; empty where it cannot write."""
    free_bytes: int | None = None
    """What an addition may take on the disk of that folder."""
    looked: int = 0
    """The last of the requests to look at the models again that was answered (`ask_to_look`)."""

    def finish(self, pixels: int, pictures: int = 1) -> float:
        """Seconds from the last pixel of pictures of so many pixels each to their job's last
        word."""
        if pixels <= LARGE:
            return self.finish_s
        each = Measured(each=self.finish_s, each_pixel=self.finish_pixel_s).seconds(pixels) or 0.0
        return each * -(-pictures // LARGE_AT_ONCE)

    def readiness(self, model: str) -> Readiness:
        """How soon this model can begin here."""
        if model in self.warm:
            return Readiness("warm", 1.0)
        if model in self.loading:
            return Readiness("loading", round(self.loading[model], 2))
        return Readiness("cold", 0.0)


def furthest(each: Iterable[Readiness]) -> Readiness:
    """What a model is where it can begin the soonest."""
    return min(
        each,
        key=lambda one: (SOONEST_FIRST.index(one.state), -one.loaded),
        default=Readiness("cold", 0.0),
    )


def advertise(connection: Redis, info: WorkerInfo) -> None:
    """Say that this worker is alive and what it offers; to be repeated well within ALIVE."""
    with connection.pipeline() as pipe:
        pipe.sadd(WORKERS, info.name)
        pipe.set(_key(info.name), info.model_dump_json(), ex=ALIVE)
        for card in info.models:
            pipe.hset(CATALOGUE, card.name, card.model_dump_json())
        pipe.execute()


def withdraw(connection: Redis, name: str) -> None:
    """A worker is gone, or about to go."""
    with connection.pipeline() as pipe:
        pipe.srem(WORKERS, name)
        pipe.delete(_key(name))
        pipe.execute()


def forget_models(connection: Redis, names: Iterable[str]) -> None:
    """Drop these models but for those that a live worker offers."""
    offered = {card.name for worker in live(connection) for card in worker.models}
    if gone := set(names) - offered:
        connection.hdel(CATALOGUE, *gone)


def forget_catalogue(connection: Redis, offered: Collection[str]) -> None:
    """Drop models but for those that are `offered`; the first worker to start calls it, before it
    takes a job."""
    known = {name.decode() for name in cast("list[bytes]", connection.hkeys(CATALOGUE))}
    if (gone := known.difference(offered)) and not live(connection):
        connection.hdel(CATALOGUE, *gone)


def live(connection: Redis) -> list[WorkerInfo]:
    """The workers that are alive."""
    names = sorted(name.decode() for name in cast("set[bytes]", connection.smembers(WORKERS)))
    if not names:
        return []
    found = cast("list[bytes | None]", connection.mget([_key(name) for name in names]))
    if gone := [name for name, info in zip(names, found, strict=True) if info is None]:
        connection.srem(WORKERS, *gone)
    return [_read(info) for info in found if info]


def offered_models(connection: Redis) -> list[ModelCard]:
    """The models callers may name: of the live workers, or the last ones known if none lives."""
    cards = {card.name: card for worker in live(connection) for card in worker.models}
    if not cards:
        known = cast("dict[bytes, bytes]", connection.hgetall(CATALOGUE))
        for raw in known.values():
            card = ModelCard.model_validate_json(raw)
            cards[card.name] = card
    return sorted(cards.values(), key=lambda card: (not card.default, card.name))


def jobs_per_second(connection: Redis) -> float | None:
    """Jobs that all live workers together finish a second, as measured; None if not measured."""
    rates = [worker.jobs_per_second for worker in live(connection)]
    total = sum(rate for rate in rates if rate)
    return total or None


@lru_cache(maxsize=SPOKEN)
def _read(said: bytes) -> WorkerInfo:
    """What a worker said, for reading only: each request asks, and a worker speaks every two
    seconds."""
    return WorkerInfo.model_validate_json(said)


def _key(name: str) -> str:
    return f"darkroom:worker:{name}"
