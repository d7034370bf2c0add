"""Jobs by HTTP that are waited for."""

from __future__ import annotations

from typing import Any

import httpx

from tests.running.paths import API


def succeeded(client: httpx.Client, **asked: Any) -> dict[str, Any]:
    """A job that was asked for, once it has succeeded."""
    answer = client.post(f"{API}/jobs", json=asked, headers={"Prefer": "wait=60"})
    assert answer.status_code == 200, answer.text
    job = answer.json()
    assert job["status"] == "succeeded", job
    return job
