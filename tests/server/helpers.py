"""The names that tests/running has, where they were."""

from tests.running.addresses import free_port, lan_address
from tests.running.api import Server, gunicorn
from tests.running.hand_worker import CARD, HandWorker, png
from tests.running.paths import API, REPOSITORY
from tests.running.redis import elapse
from tests.running.sse import Events, events_of

__all__ = [
    "API",
    "CARD",
    "REPOSITORY",
    "Events",
    "HandWorker",
    "Server",
    "elapse",
    "events_of",
    "free_port",
    "gunicorn",
    "lan_address",
    "png",
]
