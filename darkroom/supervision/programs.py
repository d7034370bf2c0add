"""The commands that start the API, a worker and what sends webhooks, for `up` and by themselves."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def api_command(listening: Sequence[int] = ()) -> list[str]:
    """gunicorn serving the API where the settings say, or on sockets that it inherits."""
    command = [sys.executable, "-m", "gunicorn"]
    command += ["--config", "python:server.serving.gunicorn_config"]
    for descriptor in listening:
        command += ["--bind", f"fd://{descriptor}"]
    return command


def worker_command(name: str | None = None) -> list[str]:
    """One worker under the given name, or one that it makes up."""
    return [sys.executable, "-m", "worker.main", *(["--name", name] if name else [])]


def spare_command() -> list[str]:
    """A worker that has imported everything and waits to be told which one to be."""
    return [sys.executable, "-m", "worker.main", "--spare"]


def webhooks_command() -> list[str]:
    """What sends the webhooks; several may run."""
    return [sys.executable, "-m", "server.deliverer"]
