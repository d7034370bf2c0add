"""The one worker of a machine that does what the API asks of its models.

Which one it is a lock on the folder of models says, which ends with the process, however that ends:
the next one takes up what is open. Nothing here waits for a picture, and no picture for it.
"""

from __future__ import annotations

import base64
import logging
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from jobs.additions import additions, errands, uploads
from jobs.additions.additions import Addition
from jobs.additions.errands import Errand, Refusal
from jobs.additions.found import SECTIONS, Kind
from jobs.additions.uploads import PieceStore
from jobs.queue import orders
from worker.loop.board import Board
from worker.loop.errands.answers import answer
from worker.loop.errands.carrier import Carrier
from worker.loop.errands.shown import small
from worker.models.adding.change import NotChanged, NotThere, Shop, change, delete
from worker.models.adding.elsewhere.remote import Places
from worker.models.adding.elsewhere.search import search
from worker.models.adding.look_up import SentFile, look_up
from worker.models.adding.plan import NotAddable
from worker.models.inventory.fitting import Machine

log = logging.getLogger("darkroom.worker")

AT_ONCE = 3
"""Additions that are fetched at once; others wait, the oldest first."""

TRY = 1.0
"""Seconds between two tries to be the one, or to reach Redis."""

SWEEP = 600.0
"""Seconds between two looks for what nobody needs any more."""

ABANDONED = timedelta(days=1)
"""After which what is here of an addition that has ended is removed."""

LOOK = 10.0
"""Seconds for which a change waits until all workers have seen it."""


class Porter:
    """The thread of a worker that does errands, if it is the one of its machine."""

    def __init__(
        self,
        board: Board,
        connection: Redis,
        shop: Shop,
        places: Places,
        carrier: Carrier,
        pieces: PieceStore,
        machine: Machine,
    ) -> None:
        self._board = board
        self._connection = connection
        self._shop = shop
        self._places = places
        self._carrier = carrier
        self._pieces = pieces
        self._machine = machine
        self._errands = ThreadPoolExecutor(4, thread_name_prefix="errand")
        self._changing = threading.Lock()
        self._carried: dict[str, threading.Thread] = {}
        self._sweep_at = 0.0

    def run(self) -> None:
        """Do errands until the worker is over."""
        place = self._shop.place
        while not self._board.over.is_set():
            if not place.id or not place.take():
                self._board.over.wait(TRY)
                continue
            try:
                self._turn(place.id)
            except RedisError as error:
                log.error("what is asked of the models waits for Redis: %s", error)
                self._board.over.wait(TRY)
            except Exception:
                log.exception("an errand went wrong")
                self._board.over.wait(TRY)
        self._errands.shutdown(wait=False, cancel_futures=True)
        # What is still being written keeps the folder until this process has ended.
        if not any(each.is_alive() for each in self._carried.values()):
            with self._changing:
                place.give_back()

    def _turn(self, place_id: str) -> None:
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + SWEEP
            self._errands.submit(self._swept)
        self._carry(place_id)
        errand = errands.take(self._connection, place_id)
        if errand is None:
            return
        if errand.action == "forget":
            self._sweep_at = 0.0
        elif errand.action != "wake":
            self._errands.submit(self._do, errand)

    def _swept(self) -> None:
        try:
            sweep(self._connection, self._shop, self._pieces)
        except (RedisError, OSError) as error:
            log.warning("what additions have left stays for now: %s", error)

    def _carry(self, place_id: str) -> None:
        self._carried = {each: t for each, t in self._carried.items() if t.is_alive()}
        for addition in additions.waiting(self._connection, place_id):
            if len(self._carried) >= AT_ONCE:
                return
            if addition.id not in self._carried:
                self._begin(addition)

    def _begin(self, addition: Addition) -> None:
        thread = threading.Thread(
            target=self._carrier.carry, args=(addition,), name="addition", daemon=True
        )
        self._carried[addition.id] = thread
        thread.start()

    def _do(self, errand: Errand) -> None:
        answer(self._connection, errand, self._done, _refusal_of)

    def _done(self, errand: Errand) -> dict[str, Any]:
        said = errand.fields
        match errand.action:
            case "look-up":
                return self._look_up(said)
            case "search":
                page = search(
                    said["words"], said["where"], said["kind"], said["cursor"], self._places
                )
                return page.model_dump()
            case "picture":
                webp = small(said["url"], self._places)
                return {"webp": base64.b64encode(webp).decode()}
            case "change":
                return self._change(said)
            case "delete":
                return self._delete(said)
            case _:
                return {}

    def _look_up(self, said: dict[str, Any]) -> dict[str, Any]:
        kind = cast("Kind | None", said.get("kind"))
        plan, found = look_up(
            said["source"],
            self._shop.place,
            self._places,
            self._sent,
            kind=kind,
            name=said.get("name"),
            to_add=said["to_add"],
            # Who adds it has seen that already.
            machine=None if said["to_add"] else self._machine,
        )
        named = self._shop.catalogue().named(plan.name)
        taken = any(plan.section in (None, each.section) for each in named)
        return {"plan": plan.model_dump(), "found": found.model_dump(), "taken": taken}

    def _sent(self, upload_id: str) -> SentFile | None:
        upload = uploads.find(self._connection, upload_id)
        if upload is None:
            return None

        def read(size: int) -> bytes:
            data = bytearray()
            try:
                for piece in uploads.contents(self._connection, self._pieces, upload_id):
                    data += piece
                    if len(data) >= size:
                        break
            except OSError as error:
                raise NotAddable("the upload cannot be read just now", away=True) from error
            return bytes(data[:size])

        return SentFile(upload.filename, upload.length, upload.offset, upload.sha256, read)

    def _change(self, said: dict[str, Any]) -> dict[str, Any]:
        with self._changing:
            section = SECTIONS[cast(Kind, said["kind"])]
            change(self._shop, section, said["name"], said["values"], default=said["default"])
        orders.look_again(self._connection, LOOK)
        return {}

    def _delete(self, said: dict[str, Any]) -> dict[str, Any]:
        with self._changing:
            deleted = delete(self._shop, SECTIONS[cast(Kind, said["kind"])], said["name"])
        log.info("deleted %s %s: %d bytes", said["kind"], said["name"], deleted.freed)
        orders.look_again(self._connection, LOOK)
        return {"freed_bytes": deleted.freed, "files": deleted.files}


def sweep(connection: Redis, shop: Shop, pieces: PieceStore) -> None:
    """Remove what abandoned uploads and additions have left: after a day nobody resumes them."""
    old = datetime.now(UTC) - ABANDONED
    wanted = {
        each.id
        for each in additions.every(connection)
        if each.finished_at is None or each.finished_at > old
    }
    for each in _folders(shop.place.own / "additions"):
        if each.name not in wanted:
            shutil.rmtree(each, ignore_errors=True)
    for each in _folders(shop.place.peeks):
        if each.stat().st_mtime < old.timestamp():
            shutil.rmtree(each, ignore_errors=True)
    uploads.sweep(connection, pieces)


def _folders(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _refusal_of(error: Exception) -> Refusal | None:
    """What an error of the models' rooms means for who asked."""
    match error:
        case NotAddable():
            return Refusal(503 if error.away else 422, str(error), "source")
        case NotThere():
            return Refusal(404, str(error))
        case NotChanged():
            return Refusal(422 if error.field else 409, str(error), error.field)
        case _:
            return None
