"""`darkroom models`: which models there are, and how to bring one here."""

from __future__ import annotations

import sys
from pathlib import Path

from darkroom.client import Client, Json, NoServer, RequestRefused

NEEDS_WORKER = (
    "This installation has only the server's part, which holds no models. "
    "Run it where a worker is installed: pip install -r requirements/worker.txt"
)


def show(url: str, file: Path) -> int:
    """List what a running server offers, or else what models.toml names."""
    try:
        with Client(url) as client:
            print(_table(client.get("/api/v1/models")["models"]))
        return 0
    except (NoServer, RequestRefused) as error:
        reason = str(error).partition("\n")[0]
    try:
        from worker.models.catalogue import CatalogueError
        from worker.models.pull import list_models
    except ImportError:
        print(f"{reason}\n{NEEDS_WORKER}", file=sys.stderr)
        return 1
    print(f"{reason}\nThis is what {file} names:\n", file=sys.stderr)
    try:
        print(list_models(file))
    except CatalogueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def pull(name: str, file: Path, revision: str | None, variant: str | None) -> int:
    """Fetch a model from the hub, and say what to add to models.toml."""
    try:
        from worker.models.catalogue import CatalogueError
        from worker.models.pull import PullError, pull_model
    except ImportError:
        print(NEEDS_WORKER, file=sys.stderr)
        return 1
    try:
        pulled = pull_model(name, file, revision=revision, variant=variant)
    except (PullError, CatalogueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{name} is in {pulled.folder}")
    if pulled.table:
        print(f"\nTo offer it, add this to {file} and start again:\n\n{pulled.table}")
    return 0


def _table(cards: list[Json]) -> str:
    rows: list[tuple[str, ...]] = [("NAME", "SIZE", "STEPS", "GUIDANCE", "SAMPLER", "TITLE")]
    for card in cards:
        name = f"{card['name']} *" if card["default"] else str(card["name"])
        size = f"{card['width']}x{card['height']}"
        more = (card["steps"], card["guidance_scale"], card["sampler"], card["title"])
        rows.append((name, size, *map(str, more)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", "* is the default."])
