"""The API's log as JSON: what gunicorn says, and each request with the job that it was about."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from tests.running.api import gunicorn
from tests.running.hand_worker import HandWorker
from tests.running.paths import API
from tests.running.waiting import until


def test_requests_and_errors_are_records_that_name_their_job(
    redis_url: str, data: Path, worker: HandWorker, tmp_path: Path
):
    settings = {"log_format": "json", "log_level": "DEBUG"}
    with gunicorn(redis_url, tmp_path, **settings) as server, server.client() as client:
        job = client.post("jobs", json={"prompt": "red apple"}).json()["id"]
        client.get(f"jobs/{job}")
        client.get(f"jobs/{job}x")
        client.get("samplers")
        server.stop()
        said: list[dict[str, Any]] = list(map(json.loads, server.log.read_text().splitlines()))
    assert {"gunicorn.error", "gunicorn.access"} <= {each["logger"] for each in said}
    assert {each["process"] for each in said} == {"api"}
    asked = [each for each in said if each["logger"] == "gunicorn.access"]
    asked = [each for each in asked if each["path"] != f"{API}/health"]
    assert [(each["method"], each["path"], each["status"], each.get("job")) for each in asked] == [
        ("POST", f"{API}/jobs", 202, job),
        ("GET", f"{API}/jobs/{job}", 200, job),
        ("GET", f"{API}/jobs/{job}x", 404, None),
        ("GET", f"{API}/samplers", 200, None),
    ]


def test_a_log_that_was_moved_away_is_begun_anew_by_all_processes(
    redis_url: str, data: Path, worker: HandWorker, tmp_path: Path
):
    log = tmp_path / "server.log"
    with gunicorn(redis_url, tmp_path, log_file=log, log_level="DEBUG") as server:
        with server.client() as client:
            client.get("samplers")
            log.rename(tmp_path / "moved.log")
            client.get("models")
        server.stop()
    before, after = (tmp_path / "moved.log").read_text(), log.read_text()
    assert f"GET {API}/samplers" in before
    assert f"GET {API}/models" in after
    # The process that manages the others has its own hold on the file.
    assert "Shutting down" in after


def test_each_request_is_one_record_after_a_reload_too(
    redis_url: str, data: Path, worker: HandWorker, tmp_path: Path
):
    with gunicorn(redis_url, tmp_path, log_format="json", log_level="DEBUG") as server:
        server.process.send_signal(signal.SIGHUP)
        until(lambda: server.log.read_text().count("Booting worker") == 2)
        with server.client() as client:
            until(lambda: "Hang up" in server.log.read_text())
            client.get("samplers")
        server.stop()
        said: list[dict[str, Any]] = list(map(json.loads, server.log.read_text().splitlines()))
    assert [each.get("path") for each in said].count(f"{API}/samplers") == 1
    assert [each["message"] for each in said].count("Shutting down: Master") == 1
