"""Who is calling. Until there are tokens, everybody is the owner of everything."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

EVERYBODY = "local"


@dataclass(frozen=True)
class Caller:
    """The owner whose records and events these are, and the lane in which their jobs wait."""

    owner: str
    lane: str


def caller() -> Caller:
    """The caller of this request.

    One owner, so that phone and laptop show the same pictures; one lane for each address, so that
    they take turns all the same.
    """
    return Caller(owner=EVERYBODY, lane=request.remote_addr or "unknown")
