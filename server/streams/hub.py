"""Events from Redis to every client of this process: one reader, however many clients.

A reader thread follows the streams that somebody listens to and hands each entry to its
subscriptions. A second thread listens for live events, while there is somebody to show them to. A
third looks whether devices may stay, and wakes everybody when the process leaves.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from typing import Any, cast

from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError

from jobs import devices
from jobs.connection import connect
from jobs.records.events import (
    LIVE_CHANNELS,
    PreviewEvent,
    ProgressEvent,
    TraceEvent,
    live_channel,
    parse,
)
from jobs.settings import settings
from server.resources import of
from server.seats import Seats
from server.streams import history
from server.streams.history import Page, Recent
from server.streams.stream_ids import START, order
from server.streams.subscription import Entry, Live, Subscription

log = logging.getLogger(__name__)

BLOCK = 2.0
"""Seconds one read waits: how late a new stream is read where the wake could not be written."""

AGAIN = 0.2
"""Seconds between two tries while Redis is away."""

LOOK = 2.0
"""Seconds between two looks whether the devices that follow may still come in."""

GATHER = 20e-6
"""Seconds a stream between two reads: of a thousand streams each read costs some milliseconds, and
what comes meanwhile is read together."""

WAKE_TTL = 60
"""Seconds a wake stream outlives its process."""

EXTENSION = "darkroom_hub"

Viewers = dict[str | None, set[Subscription]]
"""Whoever is shown an owner's live events: those of one job, or of all."""


@dataclass
class _Followed:
    """A stream, how far it was read, and who listens."""

    position: str
    subscriptions: set[Subscription] = field(default_factory=set["Subscription"])


class Hub:
    """Hands out subscriptions and keeps them fed, through restarts of Redis too.

    `blocking` is a client of the same Redis whose calls may wait for BLOCK seconds. `leaving` is
    set by whoever stops the process: every stream ends then.
    """

    def __init__(
        self, redis: Redis, blocking: Redis, seats: int, seats_each: int, leaving: Event
    ) -> None:
        self._redis = redis
        self._blocking = blocking
        self._seats = Seats(seats, seats_each)
        self._followed: dict[str, _Followed] = {}
        self._viewers: dict[str, Viewers] = {}
        self._recent = Recent()
        self._changed = Condition()
        self._unread = False
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

    def why_no_seat(self, caller: str) -> str:
        """Which limit a caller met whom there is no seat for, in a sentence."""
        if self._seats.has_share(caller):
            most, of, setting = self._seats.each, "of one caller", "SSE_CLIENTS_PER_CALLER"
        else:
            most, of, setting = self._seats.seats, "of all callers", "SSE_CLIENTS"
        return f"at most {most} {of} may follow events or wait at once ({setting}), and so many do"

    def give_seat_back(self, caller: str) -> None:
        """One client of a caller that stayed has gone."""
        self._seats.give_back(caller)

    @contextmanager
    def subscribe(
        self,
        stream: str,
        owner: str,
        *,
        job: str | None = None,
        live: bool = True,
        device: str | None = None,
    ) -> Generator[tuple[Subscription, str]]:
        """A subscription to a stream, and the id of the stream's last entry before it.

        Every entry after that id is in the subscription or in `history` called now, or in both.
        `live` adds the owner's live events, of one job or of all. `device` is whose it is: it is
        told when that may not come in any more.
        """
        subscription = Subscription(stream, owner, job, live, device)
        position = self._join(subscription) or self._begin(subscription)
        try:
            yield subscription, position
        finally:
            self._part(subscription)

    def _join(self, subscription: Subscription) -> str | None:
        """Subscribe to a stream that is followed already; None where it is not."""
        with self._changed:
            followed = self._followed.get(subscription.stream)
            if followed is None:
                return None
            self._add(subscription, followed)
            return followed.position

    def _begin(self, subscription: Subscription) -> str:
        """Subscribe to a stream that nobody else follows yet."""
        position = self.last_id(subscription.stream)
        with self._changed:
            followed = self._followed.setdefault(subscription.stream, _Followed(position))
            self._add(subscription, followed)
            # Whoever set it wakes the reader for this stream as well.
            wake, self._unread = not self._unread, True
        if wake:
            self._wake_reader()
        return position

    def _add(self, subscription: Subscription, followed: _Followed) -> None:
        followed.subscriptions.add(subscription)
        if subscription.live:
            viewers = self._viewers.setdefault(live_channel(subscription.owner), {})
            viewers.setdefault(subscription.job, set()).add(subscription)
        self._start_threads()
        self._changed.notify_all()

    def _part(self, subscription: Subscription) -> None:
        with self._changed:
            followed = self._followed[subscription.stream]
            followed.subscriptions.discard(subscription)
            if not followed.subscriptions:
                del self._followed[subscription.stream]
            if subscription.live:
                self._look_away(subscription)

    def _look_away(self, subscription: Subscription) -> None:
        channel = live_channel(subscription.owner)
        viewers = self._viewers[channel]
        viewers[subscription.job].discard(subscription)
        if not viewers[subscription.job]:
            del viewers[subscription.job]
        if not viewers:
            del self._viewers[channel]

    def last_id(self, stream: str) -> str:
        """The id of a stream's last entry, or one before every id."""
        return history.last_id(self._redis, stream)

    def first_id(self, stream: str) -> str | None:
        """The id of the first entry that a stream still has; None where it has none."""
        return history.first_id(self._redis, stream)

    def id_before_now(self) -> str:
        """An id that is before every entry from now on, in a stream that is empty by now."""
        seconds, micro = self._redis.time()
        return f"{seconds * 1000 + micro // 1000 - 1}-0"

    def history(self, stream: str, after: str) -> Iterator[Entry]:
        """The entries of a stream after an id, as far as they are there."""
        return self._recent.after(self._redis, stream, after)

    def close(self) -> None:
        """End the threads; streams that are open end at once."""
        self.leaving.set()
        with self._changed:
            self._changed.notify_all()
        self._wake_reader()
        self._wake_listener()
        for thread in self._threads:
            thread.join(BLOCK + 1)
        with suppress(RedisError):
            self._redis.delete(self._wake)
        self._blocking.close()

    def _start_threads(self) -> None:
        if not self._threads:
            for name, loop in (("events", self._follow), ("live-events", self._listen)):
                self._threads.append(
                    Thread(target=self._keep_doing, args=(loop,), name=name, daemon=True)
                )
            self._threads.append(Thread(target=self._attend, name="followers", daemon=True))
            for thread in self._threads:
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
        with suppress(RedisError), self._redis.pipeline(transaction=False) as pipe:
            pipe.xadd(self._wake, {"": ""}, maxlen=1, approximate=False)
            pipe.expire(self._wake, WAKE_TTL)
            pipe.execute()

    def _wake_listener(self) -> None:
        with suppress(RedisError):
            self._redis.publish(live_channel(self._wake), b"")

    def _follow(self) -> None:
        woken = START
        while not self.leaving.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._followed or self.leaving.is_set())
                positions = {stream: each.position for stream, each in self._followed.items()}
                self._unread = False
            streams = {self._wake: woken, **positions}
            reply = self._blocking.xread(
                cast("Any", streams), count=history.PAGE, block=int(BLOCK * 1000)
            )
            for stream, page in _pages(reply):
                if stream == self._wake:
                    woken = page[-1][0].decode()
                else:
                    self._hand_out(stream, page)
            if reply:
                self.leaving.wait(len(streams) * GATHER)

    def _hand_out(self, stream: str, page: Page) -> None:
        entries = self._recent.of(self._redis, stream, page)
        with self._changed:
            followed = self._followed.get(stream)
            if followed is None:
                return
            for entry in entries:
                # Let go and taken up again while this was read: it may be further already.
                if order(entry.id) > order(followed.position):
                    followed.position = entry.id
                    for subscription in followed.subscriptions:
                        subscription.offer(entry)
            followed.position = max(followed.position, page[-1][0].decode(), key=order)

    def _listen(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._viewers or self.leaving.is_set())
        with cast("Any", self._blocking).pubsub(ignore_subscribe_messages=True) as pubsub:
            pubsub.psubscribe(LIVE_CHANNELS)
            while self._viewers and not self.leaving.is_set():
                message = cast("dict[str, Any] | None", pubsub.get_message(timeout=1.0))
                if message is not None:
                    self._show(message["channel"].decode(), message["data"])

    def _show(self, channel: str, data: bytes) -> None:
        # What other processes' clients follow comes here as well.
        if channel not in self._viewers:
            return
        event = parse(data)
        if not isinstance(event, ProgressEvent | PreviewEvent | TraceEvent):
            return
        news = Live(event)
        for viewer in self._viewers_of(channel, event.job):
            viewer.offer_live(news)

    def _viewers_of(self, channel: str, job: str) -> list[Subscription]:
        with self._changed:
            viewers = self._viewers.get(channel, {})
            return [*viewers.get(None, ()), *viewers.get(job, ())]

    def _attend(self) -> None:
        while not self.leaving.wait(LOOK):
            try:
                self._look()
            except RedisError as error:
                # Nothing can be told of anything meanwhile; who was cut off would not get back in.
                log.warning("Whether devices may stay waits for Redis: %s", error)
        for subscription in self._subscriptions():
            subscription.wake()

    def _look(self) -> None:
        followers = [each for each in self._subscriptions() if each.device is not None]
        asked = {str(each.device) for each in followers}
        gone = asked - devices.existing(self._redis, asked) if asked else asked
        for follower in followers:
            if follower.device in gone:
                follower.revoked = True
                follower.wake()

    def _subscriptions(self) -> Iterable[Subscription]:
        with self._changed:
            every = (each.subscriptions for each in self._followed.values())
            return [each for subscriptions in every for each in subscriptions]


def init_app(app: Flask, redis_url: str | None) -> None:
    """Give the application its hub. Its threads start with the first client that needs them."""
    here, chosen = of(app), settings()
    hub = Hub(
        here.redis,
        connect(redis_url, timeout=BLOCK + 2, retries=0),
        chosen.sse_clients,
        chosen.sse_clients_per_caller,
        here.leaving,
    )
    here.at_close(hub.close)
    app.extensions[EXTENSION] = hub


def current_hub() -> Hub:
    """The hub of the application that serves this request."""
    return cast("Hub", current_app.extensions[EXTENSION])


def _pages(reply: Any) -> Iterator[tuple[str, Page]]:
    for stream, page in cast("list[tuple[bytes, Page]]", reply or []):
        yield stream.decode(), page
