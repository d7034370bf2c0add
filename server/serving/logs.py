"""gunicorn's own log, written as ours is."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger

from jobs.logs import Formatter


class GunicornLogger(Logger):
    """Writes what gunicorn says of a request or an error without secrets, on one line."""

    def setup(self, cfg: Any) -> None:
        """Set the handlers up as gunicorn does, and have them write in our form."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(Formatter())
