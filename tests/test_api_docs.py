"""Every curl line of docs/api.md works, on the real API with a real worker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.server.helpers import API, REPOSITORY, gunicorn

PAGE = REPOSITORY / "docs" / "api.md"
USUAL = "http://127.0.0.1:7860"
LINE = re.compile(r"^(curl .+?)  # (\d{3})$", re.MULTILINE)

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on the PATH")


def lines() -> list[tuple[str, int]]:
    return [(command, int(status)) for command, status in LINE.findall(PAGE.read_text())]


@pytest.fixture
def url(redis_url: str, tmp_path: Path) -> Iterator[str]:
    """The API and one worker, ready."""
    environment = {**os.environ, "REDIS_URL": redis_url, "DATA": str(tmp_path)}
    environment["PYTHONPATH"] = str(REPOSITORY)
    with gunicorn(redis_url, tmp_path) as server, (tmp_path / "worker.log").open("wb") as log:
        command = [sys.executable, "-m", "worker.main"]
        worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)
        try:
            deadline = time.monotonic() + 90
            while httpx.get(f"{server.url}{API}/ready", timeout=5).status_code != 200:
                said = (tmp_path / "worker.log").read_text()[-3000:]
                assert worker.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.2)
            yield server.url
        finally:
            worker.terminate()
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


@pytest.mark.timeout(300)
def test_every_line_of_the_page_gets_the_answer_it_says(url: str, tmp_path: Path):
    answer = httpx.post(
        f"{url}{API}/jobs",
        json={"prompt": "x", "steps": 5},
        headers={"Prefer": "wait=60"},
        timeout=70,
    ).json()
    assert answer["status"] == "succeeded", answer
    names = {"JOB": answer["id"], "IMAGE": answer["outputs"][0]["id"]}
    for command, status in lines():
        script = command.replace(USUAL, url) + r" -sS -w '%{stderr}HTTP %{http_code}'"
        endless = "-N" in command and "/jobs/" not in command
        if endless:
            script += " --max-time 3"
        result = subprocess.run(
            ["sh", "-c", script],
            env={**os.environ, **names},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert result.returncode == (28 if endless else 0), (command, result.stderr)
        assert f"HTTP {status}" in result.stderr, (command, result.stdout[-500:])
    assert (tmp_path / "apple.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "apple.webp").read_bytes()[8:12] == b"WEBP"


def test_the_page_has_a_line_for_every_route():
    page = PAGE.read_text()
    shown = {
        re.sub(r"\$\w+", "{}", re.search(rf"{USUAL}([^\s'\"?]+)", command)[1])
        for command, _ in lines()
    }
    from server.app import create_app
    from server.openapi import document_of
    from server.resources import of

    app = create_app()
    assert shown == {re.sub(r"\{\w+\}", "{}", path) for path in document_of(app)["paths"]}
    of(app).close()
    assert len(lines()) == len(re.findall(r"^curl ", page, re.MULTILINE))
