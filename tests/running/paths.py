"""Where this checkout is, and where the API is on a server."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
API = "/api/v1"
