"""The commands that start the API, a worker and what sends webhooks, for `up` and by themselves."""

from __future__ import annotations

import sys


def api_command() -> list[str]:
    """gunicorn serving the API where the settings say."""
    return [sys.executable, "-m", "gunicorn", "--config", "python:server.serving.gunicorn_config"]


def worker_command(name: str | None = None) -> list[str]:
    """One worker under the given name, or one that it makes up."""
    return [sys.executable, "-m", "worker.main", *(["--name", name] if name else [])]


def webhooks_command() -> list[str]:
    """What sends the webhooks; several may run."""
    return [sys.executable, "-m", "server.deliverer"]
