"""What is written down: logs as JSON, whole and about their job, and no password anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobs.connection import connect
from jobs.machine_settings import REPOSITORY
from tests.running.addresses import free_port
from tests.running.processes.up import Running
from tests.running.services.redis import redis_in
from tests.running.waiting import until

PASSWORD = "SECRETSECRET"

LOGS = ("api.log", "webhooks.log", "worker-1.log")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One that says everything as JSON, on a Redis with a password."""
    folder = tmp_path_factory.mktemp("logs")
    with redis_in(folder / "redis") as server, connect(server.url) as redis:
        redis.config_set("requirepass", PASSWORD)
        started = Running(
            folder / "data",
            free_port(),
            REDIS_URL=server.url.replace("//", f"//:{PASSWORD}@"),
            LOG_FORMAT="json",
            LOG_LEVEL="DEBUG",
        )
        try:
            started.wait_for("curl http")
            yield started
        finally:
            started.end()


@pytest.fixture(scope="module")
def job(running: Running) -> str:
    """A job that has ended."""
    asked = {"prompt": "red apple", "steps": 1}
    answer = httpx.post(f"{running.url}/api/v1/jobs", json=asked, headers={"Prefer": "wait=60"})
    assert answer.json()["status"] == "succeeded"
    until(lambda: "succeeded" in log_of(running, "worker-1.log").read_text())
    return answer.json()["id"]


def log_of(running: Running, name: str) -> Path:
    return Path(running.environment["DATA"]) / "logs" / name


def records(text: str) -> list[dict[str, Any]]:
    """What each line says; a line that is no JSON fails."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("name", LOGS)
def test_every_line_of_every_process_is_json(running: Running, job: str, name: str) -> None:
    said = records(log_of(running, name).read_text())
    assert said
    for record in said:
        assert {"time", "level", "logger", "process", "pid", "message"} <= record.keys()
    assert {record["process"] for record in said} == {name.partition(".")[0].partition("-")[0]}


@pytest.mark.slow
def test_the_supervisor_says_json_too(running: Running, job: str) -> None:
    said = records(running.said())
    assert {record["process"] for record in said} == {"up"}
    assert any("Ready" in record["message"] for record in said)


@pytest.mark.slow
def test_a_job_is_found_by_its_id_in_the_logs_of_all_who_had_it(running: Running, job: str) -> None:
    api = [each for each in records(log_of(running, "api.log").read_text()) if "status" in each]
    mine = [each for each in api if each.get("job") == job]
    assert [(each["method"], each["path"], each["status"]) for each in mine] == [
        ("POST", "/api/v1/jobs", 200)
    ]
    assert mine[0]["seconds"] > 0
    assert any(each["path"] == "/api/v1/health" and "job" not in each for each in api)
    worker = records(log_of(running, "worker-1.log").read_text())
    assert any(each.get("job") == job and "succeeded" in each["message"] for each in worker)


@pytest.mark.slow
def test_the_password_of_redis_is_written_nowhere(running: Running, job: str) -> None:
    written = [file for file in Path(running.environment["DATA"]).rglob("*") if file.is_file()]
    assert "up.json" in {file.name for file in written}
    assert not [file for file in written if PASSWORD.encode() in file.read_bytes()]
    assert PASSWORD not in running.said()


@pytest.mark.slow
def test_a_command_without_the_password_says_where_it_is_to_come_from(running: Running) -> None:
    url = running.environment.pop("REDIS_URL")
    try:
        assert "set REDIS_URL" in running.run("devices").stderr
    finally:
        running.environment["REDIS_URL"] = url


def said_by(script: str) -> list[dict[str, Any]]:
    """The records of a program that logs as ours do."""
    whole = f"import logging; from jobs import logs; logs.set_up('x')\n{script}"
    ended = subprocess.run(
        [sys.executable, "-c", whole],
        env={"LOG_FORMAT": "json", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    return records(ended.stderr)


@pytest.mark.parametrize(
    "script",
    [
        "raise ValueError('two\\nlines')",
        "import threading\ndef f(): raise ValueError('two\\nlines')\n"
        "threading.Thread(target=f).start()",
        "try: raise ValueError('two\\nlines')\nexcept ValueError: logging.exception('bad')",
    ],
    ids=["uncaught", "in a thread", "logged"],
)
def test_a_traceback_is_one_record(script: str) -> None:
    (record,) = said_by(script)
    assert record["level"] in ("CRITICAL", "ERROR")
    assert "ValueError: two\nlines" in record["exception"]
    assert "Traceback" in record["exception"]


def test_libraries_and_warnings_speak_json_as_well() -> None:
    script = (
        "import warnings; warnings.warn('old')\n"
        "own = logging.getLogger('diffusers'); own.propagate = False\n"
        "own.addHandler(logging.StreamHandler()); logs.take_over('diffusers')\n"
        "logging.getLogger('diffusers.models').warning('odd')"
    )
    warned, odd = said_by(script)
    assert "UserWarning: old" in warned["message"]
    assert odd["logger"] == "diffusers.models"


def test_what_is_logged_of_a_job_has_its_id_whoever_logs_it() -> None:
    script = (
        "with logs.about('a' * 32): logging.getLogger('some.library').info('x')\n"
        "logging.info('job %s is late', 'b' * 32)\n"
        "logging.info('nobody')"
    )
    inside, named, none = said_by(script)
    assert (inside["job"], named["job"]) == ("a" * 32, "b" * 32)
    assert "job" not in none
