"""Follows the models of this machine: what was added, changed or removed, and what is wanted."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from jobs.queue import orders, removed
from jobs.queue.orders import Wanted
from jobs.records import catalogues, workers
from jobs.request.model_card import ModelCard
from worker.engine import EngineError
from worker.loop.board import Board
from worker.loop.offer import Offer
from worker.models.catalogue import Catalogue, CatalogueError
from worker.models.files.cards import cards
from worker.models.files.word_tables import WordTables
from worker.models.folders.look import Look, Watch
from worker.models.inventory.hashes import Hashes

log = logging.getLogger("darkroom.worker")

LOOK = 1.0
"""Seconds between two looks, of which a change takes two."""

SOONEST = 0.2
"""Seconds between two looks at least, however often somebody asks for one."""

REST = 4.0
"""Times as long as a look took until the next one, where folders are large or slow, ..."""

LATEST = 5.0
"""... and seconds after which it comes all the same."""

REPEAT = 600.0
"""Seconds after which a worker says again which models this place names."""

TWICE = 2
"""Looks that answer whoever asked for one: what changed counts when two agree."""


class Follower:
    """The thread of a worker that looks at models.toml, the folders and Redis once a second.

    It brings everything of the worker up to date that knows models, tells the API by what the
    worker offers, and ends the jobs that wait for a model which was removed. `place` says where on
    this machine it looks.
    """

    def __init__(
        self,
        board: Board,
        connection: Redis,
        offer: Offer,
        watch: Watch,
        hashes: Hashes,
        words: WordTables,
        *,
        place: str,
        check_by: Callable[[Catalogue], None],
    ) -> None:
        self.board = board
        self.connection = connection
        self.offer = offer
        self.watch = watch
        self.models = offer.models
        self._hashes = hashes
        self._words = words
        self._check_by = check_by
        self._unchecked: tuple[str, ...] = ()
        self._place = f"{socket.gethostname()}:{place}"
        self._woken = threading.Event()
        self._at = watch.now
        self._cards: Sequence[ModelCard] = ()
        self._problems: tuple[str, ...] = ()
        self._wanted = Wanted(frozenset(), frozenset(), 0)
        self._orders: deque[tuple[str, str]] = deque()
        self._told: float | None = None
        self._looks = 0
        self._took = 0.0

    def begin(self, found: Sequence[ModelCard], problems: Sequence[str]) -> None:
        """Take over what the worker was built with, and say what of it cannot be used."""
        self._cards, self._problems = tuple(found), tuple(problems)
        self._show(self._at)
        for problem in self.offer.problems:
            log.error("not on offer: %s", problem)

    def hear(self, order: Mapping[str, Any]) -> None:
        """Do what the worker was told by its channel."""
        action, model = order.get("action"), str(order.get("model"))
        if action in ("load", "unload"):
            # In the next look, which reads the pins: what was unpinned just before is not yet here.
            self._orders.append((action, model))
        self.board.wake()
        self._woken.set()

    def run(self) -> None:
        """Look until the worker is over."""
        pause = 0.0
        while not self.board.over.wait(min(pause, SOONEST)):
            self._woken.wait(pause - SOONEST if pause > SOONEST else 0)
            self._woken.clear()
            try:
                self.look()
            except RedisError as error:
                log.error("cannot tell of the models: %s", error)
            except Exception:
                log.exception("a look at the models went wrong")
            pause = max(LOOK, min(REST * self._took, LATEST))

    def look(self) -> None:
        """Look once, and act on what is new. Raises RedisError where Redis cannot be told."""
        began = time.monotonic()
        look = self.watch.look()
        self._took = time.monotonic() - began
        if look is not None:
            self._follow(look)
        self.models.tidy()
        self._obey(orders.wanted(self.connection))
        self._tell()
        if ended := removed.fail_waiting(self.connection):
            log.info("%d jobs waited for models that were removed", ended)

    def _follow(self, look: Look) -> None:
        before, self._at = self._at, look
        if (look.catalogue, look.marks) != (before.catalogue, before.marks):
            found, problems = cards(look.catalogue)
            self.models.follow(look.catalogue, look.marks)
            self._hashes.follow(look.catalogue, look.marks)
            self._words.follow(look.catalogue)
            if self.offer.mappers is not None:
                self.offer.mappers.follow(look.catalogue)
            if self.offer.segmenters is not None:
                self.offer.segmenters.follow(look.catalogue)
            self._cards, self._problems = tuple(found), tuple(problems)
            if look.catalogue.default != before.catalogue.default:
                with suppress(EngineError):
                    self.models.load(look.catalogue.default)
            if look.catalogue.safety != before.catalogue.safety:
                self._change_safety(look.catalogue)
        known = self.offer.problems
        self._show(look)
        for problem in self.offer.problems:
            if problem not in known:
                log.error("not on offer: %s", problem)

    def _change_safety(self, catalogue: Catalogue) -> None:
        """Check pictures as models.toml says now; by what checked before where that cannot be."""
        try:
            self._check_by(catalogue)
            self._unchecked = ()
            log.info("what models.toml says of safety counts from now on")
        except CatalogueError as error:
            self._unchecked = (f"safety: {error} Pictures are checked as before.",)

    def _show(self, look: Look) -> None:
        """Offer what can be used here and is not to be left alone."""
        host, device = socket.gethostname(), self.offer.device
        offered = [card for card in self._cards if not self._wanted.is_off(card.name, host, device)]
        problems = (*look.problems, *self._problems, *self._unchecked)
        self.offer.known = tuple(card.name for card in self._cards)
        if tuple(offered) == self.offer.plain_cards and problems == self.offer.problems:
            return
        before = {card.name for card in self.offer.plain_cards}
        now = {card.name for card in offered}
        if came := sorted(now - before):
            log.info("offers %s", ", ".join(came))
        if went := sorted(before - now):
            log.info("no longer offers %s", ", ".join(went))
        self.offer.change(offered)
        self.offer.problems = problems
        self._told = None
        # Whoever waits for a model that is gone learns it at the next step.
        self.board.wake()
        self.board.room.set()

    def _obey(self, wanted: Wanted) -> None:
        before, self._wanted = self._wanted, wanted
        if wanted.off != before.off:
            self._show(self._at)
            for card in self._cards:
                if wanted.is_off(card.name, socket.gethostname(), self.offer.device):
                    self.models.unload(card.name)
        offered = {card.name for card in self.offer.plain_cards}
        self.models.pin(wanted.pins & offered)
        while self._orders:
            action, model = self._orders.popleft()
            if action == "unload":
                self.models.unload(model)
                continue
            with suppress(EngineError):
                self.models.load(model)
        # Of the looks since somebody asked, this is the first or a later one.
        self._looks = self._looks + 1 if wanted.asked == before.asked else 1
        if self._looks >= TWICE and self.offer.looked != wanted.asked:
            self.offer.looked = wanted.asked
            self._told = None

    def _tell(self) -> None:
        now = time.monotonic()
        if self._told is not None and now - self._told < REPEAT:
            return
        known = list(self._at.catalogue.entries)
        gone = catalogues.name_models(self.connection, self._place, known)
        self.offer.advertise(len(self.board.held()))
        workers.forget_models(self.connection, gone)
        self._told = now
