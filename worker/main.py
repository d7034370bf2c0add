"""Starts one worker: `python -m worker.main --name NAME`."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import secrets
import socket
import sys
import threading

from redis import Redis

from jobs import logs, tracing
from jobs.connection import WORKER_TIMEOUT, connect
from jobs.pictures.image_store import ImageStore
from jobs.records import workers
from jobs.records.metrics import Metrics
from jobs.settings import Settings, settings
from worker import lean
from worker.loop.patience import patiently

log = logging.getLogger("darkroom.worker")


def new_name() -> str:
    """A name no worker had before: RQ refuses a name whose old bearer may still live."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def main(argv: list[str] | None = None) -> None:
    """Run a worker until it is asked to stop."""
    parser = argparse.ArgumentParser(prog="darkroom worker", description=main.__doc__)
    parser.add_argument("--name", default=None, help="a name that no worker had before")
    parser.add_argument(
        "--spare",
        action="store_true",
        help="import everything, then wait for a line of standard input that says which worker "
        "to be, as darkroom.supervision.spare writes it",
    )
    parsed = parser.parse_args(argv)
    name: str | None = parsed.name
    if parsed.spare:
        logs.set_up("spare")
        bring_in()
        _rehearse()
        name = _told()
    name = name or new_name()
    chosen = settings()
    logs.set_up("worker")
    tracing.set_up("worker")
    connection = connect(timeout=WORKER_TIMEOUT)
    patiently(lambda: bool(connection.ping()))
    try:
        run(name, connection, chosen)
    finally:
        tracing.shut_down()


def bring_in() -> None:
    """Import all that a worker needs; the first time this takes seconds."""
    # Threads that spin while they wait for each other take the cores from the API, Redis and the
    # PNG encoder beside them: measured on two busy cores, a forward took 5 to 30 times as long.
    # libgomp reads this when torch is imported, which takes seconds: after Redis answered.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    lean.put_off_compiler()
    with lean.without_collecting():
        # They set up logs of their own, and write into them while the rest is imported.
        for library in ("huggingface_hub", "transformers", "diffusers"):
            importlib.import_module(f"{library}.utils.logging")
            logs.take_over(library)
        lean.bring_in()
        importlib.import_module("worker.build")


def _rehearse() -> None:
    """Do what the first model of a process takes once; without it that takes longer, no more."""
    from worker.models.loading.rehearsal import rehearse

    try:
        rehearse()
    except Exception:
        log.warning("the spare worker could not rehearse", exc_info=True)


def run(name: str, connection: Redis, chosen: Settings) -> None:
    """Load what is needed and work."""
    bring_in()
    from worker.build import build_worker
    from worker.models.catalogue import CatalogueError
    from worker.models.loading.memory.machine import NoDevice

    try:
        worker = build_worker(name, connection, chosen, ImageStore(), Metrics())
    except (CatalogueError, NoDevice) as error:
        log.critical("%s", error)
        sys.exit(1)
    # Not before it is known what to offer: until then callers are told of what was known last.
    offered = {card.name for card in worker.offer.plain_cards}
    patiently(lambda: workers.forget_catalogue(connection, offered))
    log.info("%s offers %s", name, ", ".join(card.name for card in worker.offer.cards))
    rest = threading.Timer(lean.REST, lean.bring_in_rest)
    rest.daemon = True
    rest.start()
    worker.work()


def _told() -> str:
    """The name of the worker that this spare is to be, once somebody says so; it has that one's
    output and environment then. Ends with the process that would have said it."""
    order = sys.stdin.readline()
    if not order:
        sys.exit(0)
    told = json.loads(order)
    output = os.open(told["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for standard in (1, 2):
        os.dup2(output, standard)
    os.close(output)
    os.environ.update(told["environment"], LOG_FILE=told["log"])
    settings.cache_clear()
    return told["name"]


if __name__ == "__main__":
    main()
