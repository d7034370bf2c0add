"""Sends webhooks: `python -m server.deliverer`, a service beside the API.

Several may run: each event is one sender's at a time. What one held when it was killed is sent
when its lease has run out, so a receiver may see an event twice, under the same webhook-id.
"""

from __future__ import annotations

import json
import logging
import signal
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import BoundedSemaphore, Event, Lock
from types import FrameType
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from jobs import logs
from jobs.connection import connect, now
from jobs.lists.looks import Looks
from jobs.outbound import sending, targets
from jobs.records.events import Output
from jobs.records.record import read
from jobs.settings import settings
from jobs.webhooks import messages, outbox
from jobs.webhooks.outbox import Delivery
from server.door.signing import Signer
from server.views import Views

log = logging.getLogger(__name__)

SENDING = 16
"""Webhooks that are sent at once."""

SENDING_TO_ONE = 4
"""Of those, to one receiver: one that hangs does not hold up the others."""

BUSY = 1.0
"""Seconds until a webhook is looked at again whose receiver has its share."""

LONGEST_WISH = 3600.0
"""Seconds a receiver's Retry-After may put off a webhook."""

AGAIN = 0.5
"""Seconds between two tries while Redis is away."""

SUBMITTING = 60.0
"""Seconds after which a job that is not there was never submitted: its API was killed."""

AGENT = "Darkroom-Webhooks"

LINKS = frozenset(("url", "self", "events", "cancel"))
"""Fields of a job's view that begin with this server's path."""


class Deliverer:
    """Takes what is due from the outbox and sends it."""

    def __init__(self, redis: Redis, views: Views) -> None:
        self._redis = redis
        self._views = views
        self._settings = settings()
        self._lease = self._settings.webhook_timeout + targets.RESOLVE + 5
        self._slots = BoundedSemaphore(SENDING)
        self._sending: Counter[str] = Counter()
        self._lock = Lock()
        self._next_beat = 0.0
        self.leaving = Event()

    def run(self) -> None:
        """Send until told to leave; what is under way is finished."""
        with ThreadPoolExecutor(SENDING, thread_name_prefix="webhook") as pool:
            while not self.leaving.is_set():
                self._slots.acquire()
                try:
                    self._beat()
                    delivery = outbox.claim(self._redis, self._lease)
                except RedisError as error:
                    self._slots.release()
                    log.warning("Webhooks wait for Redis: %s", error)
                    self.leaving.wait(AGAIN)
                    continue
                if delivery is None:
                    self._slots.release()
                    self._wait()
                    continue
                pool.submit(self._deliver_one, delivery)

    def _beat(self) -> None:
        if time.monotonic() >= self._next_beat:
            outbox.beat(self._redis, socket.gethostname())
            self._next_beat = time.monotonic() + outbox.LIVES / 6

    def _wait(self) -> None:
        try:
            outbox.wait(self._redis, 1.0)
        except RedisError:
            self.leaving.wait(AGAIN)

    def _deliver_one(self, delivery: Delivery) -> None:
        with logs.about(delivery.job):
            self._deliver(delivery)

    def _deliver(self, delivery: Delivery) -> None:
        place = targets.place(delivery.hook.url)
        with self._lock:
            full = self._sending[place] >= SENDING_TO_ONE
            self._sending[place] += not full
        try:
            if full:
                outbox.postpone(self._redis, delivery, BUSY)
            else:
                self._send(delivery, place)
        except RedisError as error:
            # The lease runs out and it is sent again.
            log.warning("Webhook %s waits for Redis: %s", delivery.id, error)
        except Exception as error:
            log.exception("Webhook %s could not be made", delivery.id)
            self._failed(delivery, place, type(error).__name__, final=True)
        finally:
            with self._lock:
                self._sending[place] -= not full
                if not self._sending[place]:
                    del self._sending[place]
            self._slots.release()

    def _send(self, delivery: Delivery, place: str) -> None:
        message = self._message(delivery)
        if message is None:
            self._without_job(delivery)
            return
        body, headers = message
        try:
            target = targets.check(delivery.hook.url, messages.allowed())
        except targets.Refused as error:
            self._failed(delivery, place, str(error), final=False)
            return
        try:
            status, wish = sending.post(target, body, headers, self._settings.webhook_timeout)
        except sending.Unreachable as error:
            self._failed(delivery, place, str(error), final=False)
            return
        if 200 <= status < 300:
            outbox.finish(self._redis, delivery)
            log.info("Webhook %s received by %s (%d)", delivery.id, place, status)
        else:
            # 410 is how a receiver says that it wants no more (Standard Webhooks).
            self._failed(delivery, place, f"answered {status}", final=status == 410, wish=wish)

    def _without_job(self, delivery: Delivery) -> None:
        # A job is told of a moment before it is written, and its hook goes when it is deleted.
        if now(self._redis) - delivery.since < SUBMITTING:
            outbox.postpone(self._redis, delivery, BUSY)
            return
        with self._redis.pipeline() as pipe:
            outbox.forget(pipe, delivery.job)
            pipe.execute()

    def _failed(
        self, delivery: Delivery, place: str, reason: str, *, final: bool, wish: str | None = None
    ) -> None:
        wait = outbox.delay(delivery.attempts, self._settings.webhook_backoff)
        if wish and wish.isdecimal():
            wait = max(wait, min(LONGEST_WISH, float(wish[:6])))
        retries = self._settings.webhook_retries
        again = outbox.fail(self._redis, delivery, reason, retries=retries, wait=wait, final=final)
        then = f"again in {wait:.0f} s" if again else "given up; `darkroom webhooks list` has it"
        log.warning("Webhook %s to %s: %s; %s", delivery.id, place, reason, then)

    def _message(self, delivery: Delivery) -> tuple[bytes, dict[str, str]] | None:
        """Body and headers; None where there is no job."""
        record = read(self._redis, delivery.job)
        if record is None:
            return None
        base = (self._settings.public_url or delivery.hook.base).rstrip("/")
        event: dict[str, Any] = json.loads(delivery.event)
        if event["event"] == "output":
            shown = self._views.output(Output.model_construct(**event["output"]))
            event["output"] = absolute(shown.model_dump(mode="json"), base)
        job = absolute(self._views.job(record).model_dump(mode="json", by_alias=True), base)
        if delivery.hook.format == "ntfy":
            body, headers = messages.ntfy(event, job, base)
        else:
            now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            named = {"type": f"job.{event['event']}", "timestamp": now, "event": event, "data": job}
            body = json.dumps(named, ensure_ascii=False, separators=(",", ":")).encode()
            headers = {"Content-Type": "application/json"}
        secret = messages.secret(self._redis, record.owner)
        signed = messages.sign(secret, delivery.id, body)
        return body, {**headers, **signed, "User-Agent": AGENT, "Connection": "close"}


def absolute(shown: Any, base: str) -> Any:
    """A view with the URLs of this server begun by where it is."""
    if isinstance(shown, list):
        return [absolute(each, base) for each in cast("list[Any]", shown)]
    if not isinstance(shown, dict):
        return shown
    made: dict[str, Any] = {}
    for name, value in cast("dict[str, Any]", shown).items():
        if name in LINKS and isinstance(value, str) and value.startswith("/"):
            made[name] = base + value
        else:
            # What the caller sent is his own, whatever it is called.
            made[name] = value if name == "input" else absolute(value, base)
    return made


def main() -> None:
    """Send webhooks until SIGTERM or SIGINT."""
    logs.set_up("webhooks")
    redis = connect()
    deliverer = Deliverer(redis, Views(Looks(redis), Signer(redis, settings().url_lifetime)))

    def leave(number: int, frame: FrameType | None) -> None:
        deliverer.leaving.set()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    started = time.monotonic()
    log.info("Webhooks are sent")
    deliverer.run()
    redis.close()
    log.info("Webhooks stopped after %.0f s", time.monotonic() - started)


if __name__ == "__main__":
    main()
