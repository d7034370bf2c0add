"""The names that tests/running has, where they were."""

from tests.running.waiting import until
from tests.running.worker import WorkerProcess

__all__ = ["WorkerProcess", "until"]
