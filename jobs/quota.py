"""A limit as its callers are told of it, whoever counts: the queue its jobs, the door requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Quota:
    """One limit as it stands: how much of what, in how many seconds, and when that is over."""

    name: str
    limit: int
    unit: str
    left: int
    window: int | None = None
    reset: int | None = None


class QuotaExceeded(Exception):
    """The caller gets 429 and is asked to come back after `retry_after` seconds."""

    def __init__(self, quota: Quota, said: str, retry_after: int, quotas: Sequence[Quota]) -> None:
        super().__init__(said)
        self.quota = quota
        self.retry_after = retry_after
        self.quotas = list(quotas)
