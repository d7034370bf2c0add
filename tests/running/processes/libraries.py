"""Imports all that the server and the worker import, for the programs that tests start.

They are forked from a process that has imported this: torch and diffusers take seconds, our own
modules half a second of each program's start. The limits of a request are read when our modules are
imported (MAX_SIZE and its like); a program that has others imports our modules itself.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Mapping

from worker import lean

PROGRAMS = (
    "darkroom.cli",
    "gunicorn.app.wsgiapp",
    "server.app",
    "server.deliverer",
    "server.serving.gunicorn_worker",
    "worker.build",
)
"""What the programs import, each with all that is behind it."""

OURS = ("darkroom", "grammar", "jobs", "server", "worker")


def _limits(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("MAX_")}


def adapt() -> None:
    """Have this process, just forked, read its own settings."""
    if _limits(os.environ) != LIMITS:
        for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
            del sys.modules[name]
    elif ours := sys.modules.get("jobs.settings"):
        ours.settings.cache_clear()


LIMITS = _limits(os.environ)

lean.bring_in()
for name in PROGRAMS:
    importlib.import_module(name)
# Once for all workers that are forked from this.
lean.bring_in_rest()
# What is shared with the forked stays shared: the collector neither touches nor walks it.
gc.collect()
gc.freeze()
