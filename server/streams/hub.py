"""Events from Redis to every client of this process: one reader, however many clients.

A reader thread follows the streams that somebody listens to and hands each entry to its
subscriptions. A second thread listens for live events, while there is somebody to show them to.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from typing import Any, cast

from flask import Flask, current_app
from redis.exceptions import RedisError

from jobs.connection import connect
from jobs.records.events import (
    LIVE_CHANNELS,
    LastingEvent,
    PreviewEvent,
    ProgressEvent,
    live_channel,
    parse,
)
from jobs.settings import settings
from server.resources import of
from server.seats import Seats
from server.streams.stream_ids import START, order
from server.streams.subscription import Entry, Subscription

log = logging.getLogger(__name__)

BLOCK = 2.0
"""Seconds one read waits: how late a new stream is read where the wake could not be written."""

PAGE = 500
"""Entries read at once, so that no reply is large."""

AGAIN = 0.2
"""Seconds between two tries while Redis is away."""

WAKE_TTL = 60
"""Seconds a wake stream outlives its process."""

EXTENSION = "darkroom_hub"


@dataclass
class _Followed:
    """A stream, how far it was read, and who listens."""

    position: str
    subscriptions: set[Subscription] = field(default_factory=set["Subscription"])


class Hub:
    """Hands out subscriptions and keeps them fed, through restarts of Redis too.

    `leaving` is set by whoever stops the process: every stream looks at it each second.
    """

    def __init__(self, redis_url: str | None, seats: int, seats_each: int, leaving: Event) -> None:
        self._redis = connect(redis_url)
        self._blocking = connect(redis_url, timeout=BLOCK + 2, retries=0)
        self._seats = Seats(seats, seats_each)
        self._followed: dict[str, _Followed] = {}
        self._changed = Condition()
        self._wake = f"darkroom:wake:{secrets.token_hex(8)}"
        self._threads: list[Thread] = []
        self.leaving = leaving

    @property
    def following(self) -> int:
        """How many streams somebody listens to."""
        return len(self._followed)

    def take_seat(self, caller: str) -> bool:
        """Whether there is room for one more client of a caller that stays; to be given back."""
        return self._seats.take(caller)

    def give_seat_back(self, caller: str) -> None:
        """One client of a caller that stayed has gone."""
        self._seats.give_back(caller)

    @contextmanager
    def subscribe(
        self, stream: str, owner: str, *, job: str | None = None, live: bool = True
    ) -> Generator[tuple[Subscription, str]]:
        """A subscription to a stream, and the id of the stream's last entry before it.

        Every entry after that id is in the subscription or in `history` called now, or in both.
        `live` adds the owner's live events, of one job or of all.
        """
        position = self.last_id(stream)
        subscription = Subscription(stream, owner, job, live)
        with self._changed:
            followed = self._followed.setdefault(stream, _Followed(position))
            followed.subscriptions.add(subscription)
            self._start_threads()
            self._changed.notify_all()
        self._wake_reader()
        try:
            yield subscription, position
        finally:
            with self._changed:
                followed = self._followed[stream]
                followed.subscriptions.discard(subscription)
                if not followed.subscriptions:
                    del self._followed[stream]

    def last_id(self, stream: str) -> str:
        """The id of a stream's last entry, or one before every id."""
        reply = cast("list[tuple[bytes, Any]]", self._redis.xrevrange(stream, count=1))
        return reply[0][0].decode() if reply else START

    def first_id(self, stream: str) -> str | None:
        """The id of the first entry that a stream still has; None where it has none."""
        page = cast("list[tuple[bytes, Any]]", self._redis.xrange(stream, count=1))
        return page[0][0].decode() if page else None

    def id_before_now(self) -> str:
        """An id that is before every entry from now on, in a stream that is empty by now."""
        seconds, micro = self._redis.time()
        return f"{seconds * 1000 + micro // 1000 - 1}-0"

    def history(self, stream: str, after: str) -> Iterator[Entry]:
        """The entries of a stream after an id, as far as they are there."""
        while True:
            reply = self._redis.xrange(stream, min=f"({after}", count=PAGE)
            page = cast("list[tuple[bytes, dict[bytes, bytes]]]", reply)
            for entry_id, fields in page:
                after = entry_id.decode()
                if entry := _entry(after, fields):
                    yield entry
            if len(page) < PAGE:
                return

    def close(self) -> None:
        """End the threads; streams that are open end within a second."""
        self.leaving.set()
        with self._changed:
            self._changed.notify_all()
        self._wake_reader()
        for thread in self._threads:
            thread.join(BLOCK + 1)
        with suppress(RedisError):
            self._redis.delete(self._wake)
        self._redis.close()
        self._blocking.close()

    def _start_threads(self) -> None:
        if not self._threads:
            for name, loop in (("events", self._follow), ("live-events", self._listen)):
                thread = Thread(target=self._keep_doing, args=(loop,), name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _keep_doing(self, loop: Callable[[], None]) -> None:
        while not self.leaving.is_set():
            try:
                loop()
            except RedisError as error:
                log.warning("Events wait for Redis: %s", error)
                self.leaving.wait(AGAIN)
            except Exception:
                log.exception("Reading events failed; trying again")
                self.leaving.wait(AGAIN)

    def _wake_reader(self) -> None:
        with suppress(RedisError):
            self._redis.xadd(self._wake, {"": ""}, maxlen=1, approximate=False)
            self._redis.expire(self._wake, WAKE_TTL)

    def _follow(self) -> None:
        woken = START
        while not self.leaving.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._followed or self.leaving.is_set())
                positions = {stream: each.position for stream, each in self._followed.items()}
            streams = {self._wake: woken, **positions}
            reply = self._blocking.xread(cast("Any", streams), count=PAGE, block=int(BLOCK * 1000))
            for stream, page in _pages(reply):
                if stream == self._wake:
                    woken = page[-1][0].decode()
                else:
                    self._hand_out(stream, page)

    def _hand_out(self, stream: str, page: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        with self._changed:
            followed = self._followed.get(stream)
            if followed is None:
                return
            for raw_id, fields in page:
                entry_id = raw_id.decode()
                # Let go and taken up again while this was read: it may be further already.
                if order(entry_id) <= order(followed.position):
                    continue
                followed.position = entry_id
                if entry := _entry(entry_id, fields):
                    for subscription in followed.subscriptions:
                        subscription.offer(entry)

    def _listen(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._viewers() or self.leaving.is_set())
        with cast("Any", self._blocking).pubsub(ignore_subscribe_messages=True) as pubsub:
            pubsub.psubscribe(LIVE_CHANNELS)
            while self._viewers() and not self.leaving.is_set():
                message = cast("dict[str, Any] | None", pubsub.get_message(timeout=1.0))
                if message is not None:
                    self._show(message["channel"].decode(), message["data"])

    def _viewers(self) -> list[Subscription]:
        with self._changed:
            every = (each.subscriptions for each in self._followed.values())
            return [viewer for viewers in every for viewer in viewers if viewer.live]

    def _show(self, channel: str, data: bytes) -> None:
        event = parse(data)
        if not isinstance(event, ProgressEvent | PreviewEvent):
            return
        for viewer in self._viewers():
            if live_channel(viewer.owner) == channel:
                viewer.offer_live(event)


def init_app(app: Flask, redis_url: str | None) -> None:
    """Give the application its hub. Its threads start with the first client that needs them."""
    here, chosen = of(app), settings()
    hub = Hub(redis_url, chosen.sse_clients, chosen.sse_clients_per_caller, here.leaving)
    here.at_close(hub.close)
    app.extensions[EXTENSION] = hub


def current_hub() -> Hub:
    """The hub of the application that serves this request."""
    return cast("Hub", current_app.extensions[EXTENSION])


def _entry(entry_id: str, fields: dict[bytes, bytes]) -> Entry | None:
    try:
        return Entry(entry_id, cast("LastingEvent", parse(fields[b"data"])))
    except (KeyError, ValueError):
        log.warning("Event %s is not one of ours", entry_id)
        return None


def _pages(reply: Any) -> Iterator[tuple[str, list[tuple[bytes, dict[bytes, bytes]]]]]:
    for stream, page in cast("list[tuple[bytes, Any]]", reply or []):
        yield stream.decode(), page
