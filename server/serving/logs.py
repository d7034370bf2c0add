"""gunicorn's own log, written as ours is."""

from __future__ import annotations

from typing import Any, cast

from gunicorn.glogging import Logger

from jobs import logs

PROCESS = "api"
"""What JSON calls the processes of the API."""


class GunicornLogger(Logger):
    """Writes what gunicorn says of a request or an error without secrets, as one record."""

    def setup(self, cfg: Any) -> None:
        """Set the handlers up as gunicorn does, and have them write in our form."""
        super().setup(cfg)
        # Also after SIGHUP, with what the last time has left.
        for log in (self.error_log, self.access_log):
            if log.handlers:
                log.handlers = [logs.output(PROCESS)]

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Write that a request was answered; what JSON has in fields, text has in a line."""
        if not self.access_log_enabled:
            return
        said = {
            "method": environ.get("REQUEST_METHOD"),
            "path": environ.get("RAW_URI"),
            "status": int(str(resp.status).split(None, 1)[0]),
            "bytes": getattr(resp, "sent", None),
            "seconds": round(request_time.total_seconds(), 6),
            "client": environ.get("REMOTE_ADDR"),
        }
        atoms = self.atoms_wrapper_class(cast("Any", self.atoms(resp, req, environ, request_time)))
        self.access_log.info(self.cfg.access_log_format, atoms, extra={logs.FIELDS: said})
