"""A client of the job API, as this machine's commands use it."""

from __future__ import annotations

from darkroom_client import Darkroom

from darkroom.network import tls
from jobs.settings import settings


def connect(url: str) -> Darkroom:
    """A client of the server at `url`, which may have its certificate from this machine."""
    # The token comes from the environment, since others of this machine see a command's arguments.
    return Darkroom(url, verify=tls.trusting(settings().tls_folder))
