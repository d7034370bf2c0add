"""The same application, Redis and worker by hand as the server's own tests have."""

from tests.server.conftest import app, client, data, store, worker

__all__ = ["app", "client", "data", "store", "worker"]
