"""Puts a worker together: models, engine, and the RQ worker round them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

import torch
from redis import Redis

from jobs.additions.uploads import PieceStore
from jobs.pictures.image_store import ImageStore
from jobs.records.metrics import Metrics
from jobs.settings import Settings
from worker.engine import (
    Backends,
    Cabinet,
    Engine,
    KeptEmbeddings,
    ModelUnavailable,
    Notebook,
    describe,
    make_current,
)
from worker.engine.backends import openvino
from worker.engine.backends.compiler import Compiler
from worker.engine.backends.inductor.inductor import Inductor
from worker.engine.backends.inductor.toolchain import missing
from worker.engine.backends.recorded import Graphs, Recorder
from worker.loop.board import Board
from worker.loop.errands.carrier import Carrier
from worker.loop.errands.porter import Porter
from worker.loop.follower import Follower
from worker.loop.offer import Offer
from worker.loop.outcome.safety import Guard, Rule, SafetyHook
from worker.loop.retention import Retention
from worker.loop.rq_worker import BatchWorker
from worker.loop.stepper import WarmUp
from worker.models.adding.here import places_of, shop_of
from worker.models.catalogue import Catalogue, CatalogueError
from worker.models.files.cards import cards
from worker.models.files.errors import SourceError
from worker.models.files.word_tables import WordTables
from worker.models.folders.look import Watch
from worker.models.folders.offered import make_folders
from worker.models.inventory.hashes import HASHES, Hashes, HashMemory
from worker.models.loading.checker import load_checker
from worker.models.loading.mappers import Mappers
from worker.models.loading.masks.segmenters import Segmenters
from worker.models.loading.memory.free import freeze_libraries
from worker.models.loading.memory.machine import machine_of, pick_device
from worker.models.store.model_store import ModelStore

log = logging.getLogger("darkroom.worker")

GIGABYTE = 10**9
MEGABYTE = 10**6


class EngineMetrics:
    """Tells the shared metrics what the engine measures."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    def forward(self, model: str, rows: int, seconds: float) -> None:
        """A forward with this many rows."""
        self.metrics.observe("step_seconds", model, seconds)
        self.metrics.observe("forward_rows", model, rows)

    def stage(self, name: str, seconds: float) -> None:
        """An encode or a decode."""
        self.metrics.observe("stage_seconds", name, seconds)

    def compiled(self, model: str, padded: int) -> None:
        """A forward ran compiled, filled up by so many rows."""
        self.metrics.count("compiled_forwards", model)
        self.metrics.count("padded_rows", model, padded)


def build_worker(
    name: str, connection: Redis, chosen: Settings, images: ImageStore, metrics: Metrics
) -> BatchWorker:
    """A worker with every model of the catalogue on offer and the default one being loaded.

    Raises CatalogueError, a clear sentence, where the catalogue cannot be read, and NoDevice.
    """
    if chosen.torch_threads:
        torch.set_num_threads(chosen.torch_threads)
    device = torch.device(pick_device(chosen.device))
    make_current(device)
    make_folders(chosen.model_folders[0])
    watch = Watch(chosen.models, chosen.model_folders)
    catalogue, marks = watch.now.catalogue, watch.now.marks
    found, problems = cards(catalogue)
    limit = int(chosen.model_memory_gb * GIGABYTE) or None
    models = ModelStore(
        catalogue,
        device,
        marks=marks,
        limit_bytes=limit,
        turn_s=chosen.model_turn,
        kept=KeptEmbeddings(chosen.embeddings_folder, chosen.embeddings_mb * MEGABYTE),
    )
    freeze_libraries()
    preload(models, catalogue.default)
    seen = EngineMetrics(metrics)
    engine = Engine(
        models,
        exact=chosen.exact,
        max_rows=chosen.max_rows,
        memory_limit=int(chosen.row_memory_gb * GIGABYTE) or None,
        notebook=Notebook(chosen.measured_folder / "row-budgets.json", describe(device)),
        observer=seen,
        trace_memory=chosen.trace_memory_mb * MEGABYTE,
        backends=back_ends(chosen, device, models.fits, seen.compiled),
    )
    hashes = Hashes(catalogue, HashMemory(chosen.measured_folder / HASHES), marks)
    words = WordTables(catalogue)
    shop, places = shop_of(chosen), places_of(chosen)
    offer = Offer(
        name,
        connection,
        found,
        models,
        hashes,
        device=str(device),
        capacity=chosen.capacity,
        costs=engine.costs,
        compiled=engine.compiled,
        words=words,
        mappers=Mappers(catalogue),
        segmenters=Segmenters(catalogue),
        place=shop.place,
    )

    def errands(board: Board) -> Porter:
        pieces = PieceStore()
        carrier = Carrier(connection, shop.place, places, images, pieces, board.over.is_set)
        machine = machine_of(device, limit)
        return Porter(board, connection, shop, places, carrier, pieces, machine)

    guard = Guard(safety_hook(catalogue))

    def check_by(changed: Catalogue) -> None:
        guard.hook = safety_hook(changed)

    def follow(board: Board) -> Follower:
        place = os.pathsep.join(
            str(each.resolve()) for each in (chosen.models, *chosen.model_folders)
        )
        follower = Follower(
            board, connection, offer, watch, hashes, words, place=place, check_by=check_by
        )
        follower.begin(found, problems)
        return follower

    return BatchWorker(
        name,
        connection,
        engine,
        offer,
        images,
        metrics,
        stall_timeout=chosen.stall_timeout,
        retention=Retention(connection, images, chosen.keep_days),
        warm_up=WarmUp(engine, offer) if chosen.warm_up else None,
        guard=guard,
        follow=follow,
        errands=errands,
    )


def back_ends(
    chosen: Settings,
    device: torch.device,
    room: Callable[[int, int], bool],
    ran: Callable[[str, int], None],
) -> Backends | None:
    """What makes networks faster; None where PyTorch alone is to run them."""
    compilers = compilers_for(chosen, device)
    if not compilers:
        return None
    notes = chosen.measured_folder / "back-ends.json"
    cabinet = Cabinet(chosen.compiled_folder, notes, chosen.compiled_mb * MEGABYTE)
    return Backends(compilers, cabinet, room, ran)


def compilers_for(chosen: Settings, device: torch.device) -> list[Compiler]:
    """Those that BACKEND allows and this machine has, the first choice first."""
    wanted, kind = chosen.backend, device.type
    if wanted == "torch":
        return []
    if wanted == "openvino" or (wanted == "auto" and kind == "cpu"):
        version = openvino.version()
        if version is None or kind != "cpu":
            why = "is not installed" if version is None else f"is not for {kind}"
            if wanted == "openvino":
                log.warning("BACKEND is openvino, which %s: PyTorch runs all networks", why)
            return []
        log.info("OpenVINO %s makes networks faster when there is nothing else to do", version)
        return [openvino.OpenVino()]
    lacking = missing(kind)
    if lacking is not None:
        log.warning("networks are not compiled: %s is not installed here", lacking)
    if kind == "cuda":
        recorder = Recorder()
        return [Inductor(chosen.compiled_folder, ("cuda",), recorder), Graphs(recorder)]
    return [Inductor(chosen.compiled_folder, (kind,))]


def preload(models: ModelStore, name: str) -> None:
    """Load the default model before the worker says that it is ready; others do without it."""
    try:
        models.preload(name)
    except ModelUnavailable as error:
        log.error("the default model cannot be loaded: %s", error)


def safety_hook(catalogue: Catalogue) -> SafetyHook | None:
    """The safety hook of models.toml, loaded; None where it names none.

    Raises CatalogueError: a worker whose checker does not load would show what nobody checked.
    """
    entry = catalogue.safety
    if entry is None:
        return None
    try:
        checker = load_checker(entry)
    except SourceError as error:
        raise CatalogueError(str(error)) from error
    threshold = checker.default_threshold if entry.threshold is None else entry.threshold
    return SafetyHook(checker, Rule(tuple(entry.labels) or checker.labels, threshold, entry.action))
