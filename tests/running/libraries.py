"""Imports every library that the server and the worker import, and keeps nothing of Darkroom's.

Programs that tests start are forked from a process that has imported this: torch and diffusers
take seconds, and are the same for all of them. Darkroom's own modules are forgotten again, so that
each program imports them itself and reads its own settings.
"""

from __future__ import annotations

import gc
import importlib
import sys

PROGRAMS = (
    "gunicorn.app.wsgiapp",
    "server.app",
    "server.deliverer",
    "server.serving.gunicorn_worker",
    "worker.build",
)
"""What the programs import, each with all that is behind it."""

OURS = ("darkroom", "jobs", "server", "worker")

for name in PROGRAMS:
    importlib.import_module(name)
for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
    del sys.modules[name]
# What is shared with the forked stays shared: the collector neither touches nor walks it.
gc.collect()
gc.freeze()
