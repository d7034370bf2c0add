"""Looks at the queue, counted."""

from __future__ import annotations

import pytest
from redis import Redis

from jobs.lists import looks, standing
from jobs.lists.standing import Standing


def counted_looks(monkeypatch: pytest.MonkeyPatch) -> list[Standing]:
    """The looks that are taken from now on; each is kept, however short the queue is."""
    taken: list[Standing] = []
    take = standing.look

    def look(connection: Redis) -> Standing:
        taken.append(take(connection))
        return taken[-1]

    monkeypatch.setattr(standing, "look", look)
    monkeypatch.setattr(looks, "MANY", 0)
    monkeypatch.setattr(looks, "KEPT", 1000.0)
    return taken
