"""One addition on its way: fetched, checked, given its place, and told of."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError

from jobs.additions import additions, previews, uploads
from jobs.additions.additions import Addition
from jobs.additions.found import KINDS, Kind
from jobs.additions.uploads import PieceStore
from jobs.pictures.image_store import ImageStore
from jobs.pictures.pictures import BadPicture
from jobs.pictures.turns import Busy
from jobs.queue import orders
from jobs.records.events import Error
from worker.loop.errands.shown import read_picture
from worker.models.adding.bring import bring
from worker.models.adding.elsewhere.remote import Places
from worker.models.adding.place import Place
from worker.models.adding.plan import NotAddable, Plan
from worker.models.adding.settle import is_here, settle

log = logging.getLogger("darkroom.worker")

TELL = 0.5
"""Seconds between two words on how far an addition is."""

LOOK = 15.0
"""Seconds for which a worker waits until what was added is on offer, before it says so."""


class Stopped(Exception):
    """This run is not to go on: it was canceled, or another took its place, or the worker ends."""


@dataclass(frozen=True)
class Carrier:
    """Brings additions to a place, each in a thread of its own. `leaving` says that the worker
    ends: another one takes up what is not finished."""

    connection: Redis
    place: Place
    places: Places
    images: ImageStore
    pieces: PieceStore
    leaving: Callable[[], bool]

    def carry(self, addition: Addition) -> None:
        """Bring it, and say what became of it."""
        try:
            self._carry(addition)
        except Stopped:
            log.info("stops to add %s", addition.name)
        except RedisError as error:
            # It stays open, and is taken up at the next look.
            log.error("cannot tell of what is added: %s", error)
        except NotAddable as error:
            self._fail(addition, "unavailable" if error.away else "not_addable", str(error))
        except Exception:
            log.exception("adding %s went wrong", addition.name)
            self._fail(addition, "internal_error", "something went wrong; the worker's log says")

    def _carry(self, addition: Addition) -> None:
        running = additions.begin(self.connection, addition)
        if running is None:
            return
        plan = Plan.model_validate(running.plan)
        kind = running.kind
        if not is_here(self.place, running.id, plan.section, plan.name):
            staging = self.place.staging(running.id)
            contents = None if plan.upload is None else self._contents(plan.upload)
            advance = self._advance(running)
            brought = bring(plan, staging, self.place, self.places, contents, advance)
            self._go_on(running)
            kind = settle(plan, brought, self.place, running.id, kind)
        elif kind is None:
            kind = KINDS[plan.section or "models"]
        assert kind is not None
        log.info("added %s %s from %s", kind, plan.name, running.source)
        self._preview(plan, kind)
        if plan.upload is not None:
            self._forget(plan.upload)
        orders.look_again(self.connection, LOOK)
        additions.succeed(self.connection, running, name=plan.name, kind=kind)

    def _contents(self, upload: str) -> Iterator[bytes]:
        try:
            yield from uploads.contents(self.connection, self.pieces, upload)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise NotAddable(f"the upload cannot be read: {why}", away=True) from None

    def _forget(self, upload: str) -> None:
        try:
            uploads.drop(self.connection, self.pieces, upload)
        except OSError as error:
            log.warning("what was uploaded stays for a day: %s", error)

    def _advance(self, running: Addition) -> Callable[[int, int | None], None]:
        told = 0.0

        def advance(count: int, total: int | None) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told < TELL and count != total:
                return
            told = now
            if self.leaving():
                raise Stopped
            try:
                if not additions.advance(self.connection, running, count, total):
                    raise Stopped
            except RedisError as error:
                # An outage costs no byte.
                log.warning("cannot tell how far %s is: %s", running.name, error)

        return advance

    def _go_on(self, running: Addition) -> None:
        if self.leaving() or not additions.is_to_go_on(self.connection, running):
            raise Stopped

    def _preview(self, plan: Plan, kind: Kind) -> None:
        """A model without a picture is a model all the same."""
        if plan.preview is None:
            return
        try:
            png = read_picture(plan.preview, self.places)
            previews.keep(self.connection, self.images, kind, plan.name, png)
        except (NotAddable, BadPicture, Busy, OSError) as error:
            log.warning("%s has no preview: %s", plan.name, error)

    def _fail(self, addition: Addition, code: str, detail: str) -> None:
        log.warning("%s was not added: %s", addition.name, detail)
        running = addition.model_copy(update={"status": "running"})
        try:
            additions.fail(self.connection, running, Error.of(code, detail))
        except RedisError as error:
            log.error("cannot tell that %s was not added: %s", addition.name, error)
