"""How gunicorn runs the API: `gunicorn -c python:server.serving.gunicorn_config`."""

from __future__ import annotations

import gc
import os
import resource
import signal
import threading
import time
from types import FrameType
from typing import Any

from jobs import logs, tracing
from jobs.settings import settings
from jobs.whereabouts.addresses import in_url, listening
from server.resources import of
from server.serving.logs import PROCESS, GunicornLogger

# Nothing that is imported is garbage: to look for some takes a quarter of a start.
gc.disable()

_settings = settings()

wsgi_app = "server.app:create_app()"
bind = [f"{in_url(host)}:{_settings.port}" for host in listening(_settings.host)]
# The key is in the same file, and it is read anew for each connection: `darkroom up` renews it.
certfile = str(_settings.tls_folder / "server.pem") if _settings.tls else None
# Whose word counts is TRUSTED_PROXIES' matter; gunicorn by itself would believe all of loopback.
forwarded_allow_ips = ""
proc_name = "darkroom-server"

# Each event stream holds a thread for as long as its client stays.
worker_class = "server.serving.gunicorn_worker.PatientWorker"
workers = _settings.api_processes
threads = _settings.api_threads
# Phones that keep a connection open without using it cost a file descriptor, no thread.
worker_connections = threads + 1000
keepalive = 5

# Streams end within a second of SIGTERM, and a request that waits for its job is told to leave.
graceful_timeout = 10
# The heartbeat is the main thread's; a machine that swaps should not lose its API for it.
timeout = 60
IMPORTING = 600
"""Seconds that importing the application may take, during which nobody else's heart beats."""

OTHER_FILES = 200
"""Files that a process has open beside its clients and its connections to Redis."""

# The heartbeat file must not wait for a slow disk.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# Nobody manages this server by gunicorn's own control interface.
control_socket_disable = True

logger_class = GunicornLogger

# A line for each request only where somebody looks for something.
loglevel = _settings.log_level.lower()
accesslog = "-" if loglevel == "debug" else None


def on_starting(server: Any) -> None:
    """Take as many files as the system grants: a client is one, and so is what it asks Redis by."""
    wanted = worker_connections + _settings.api_connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        if most < wanted:
            server.log.warning("May open %d files, needs %d: raise `ulimit -Hn`.", most, wanted)


def post_fork(server: Any, worker: Any) -> None:
    """Begin to trace, and show gunicorn that a process lives which only imports: on a slow machine
    for minutes."""
    tracing.set_up(PROCESS)

    def beat() -> None:
        end = time.monotonic() + IMPORTING
        while not worker.booted and time.monotonic() < end:
            worker.notify()
            time.sleep(worker.cfg.timeout / 4)

    threading.Thread(target=beat, daemon=True).start()


def post_worker_init(worker: Any) -> None:
    """Set up the log, and have SIGTERM tell the application at once that it is leaving."""
    # What was imported stays, and is not looked at again.
    gc.freeze()
    gc.enable()
    logs.set_up(PROCESS)
    leaving = of(worker.wsgi).leaving
    stop = worker.handle_exit

    def leave(number: int, frame: FrameType | None) -> None:
        leaving.set()
        stop(number, frame)

    signal.signal(signal.SIGTERM, leave)
    signal.siginterrupt(signal.SIGTERM, False)


def worker_exit(server: Any, worker: Any) -> None:
    """Let go of every client and connection."""
    # Otherwise the application could not be loaded.
    if worker.booted:
        of(worker.wsgi).close()
    tracing.shut_down()
