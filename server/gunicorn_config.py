"""How gunicorn runs the API: `gunicorn -c python:server.gunicorn_config`."""

from __future__ import annotations

import logging
import os
import signal
from types import FrameType
from typing import Any

from jobs.settings import settings
from server.resources import of

_settings = settings()

wsgi_app = "server.app:create_app()"
bind = [
    f"[{_settings.host}]:{_settings.port}"
    if ":" in _settings.host
    else f"{_settings.host}:{_settings.port}"
]
proc_name = "darkroom-server"

# Each event stream holds a thread for as long as its client stays.
worker_class = "gthread"
workers = _settings.api_processes
threads = _settings.api_threads
# Phones that keep a connection open without using it cost a file descriptor, no thread.
worker_connections = threads + 1000
keepalive = 5

# Streams end within a second of SIGTERM, and a request that waits for its job is told to leave.
graceful_timeout = 10
# The heartbeat is the main thread's; a machine that swaps should not lose its API for it.
timeout = 60

# The heartbeat file must not wait for a slow disk.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# Nobody manages this server by gunicorn's own control interface.
control_socket_disable = True

# A line for each request only where somebody looks for something.
loglevel = _settings.log_level.lower()
accesslog = "-" if loglevel == "debug" else None


def post_worker_init(worker: Any) -> None:
    """Set up the log, and have SIGTERM tell the event streams to say farewell."""
    logging.basicConfig(
        level=_settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    leaving = of(worker.wsgi).hub.leaving
    stop = worker.handle_exit

    def leave(number: int, frame: FrameType | None) -> None:
        leaving.set()
        stop(number, frame)

    signal.signal(signal.SIGTERM, leave)
    signal.siginterrupt(signal.SIGTERM, False)


def worker_exit(server: Any, worker: Any) -> None:
    """Let go of Redis."""
    # None where the application could not be loaded.
    if worker.wsgi is not None:
        of(worker.wsgi).close()
