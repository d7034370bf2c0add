"""docs/security.md is true: every route, from elsewhere, with every kind of token."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from tests.door.promises import WHO, Call, Situation, promised, routes
from tests.running.api import gunicorn
from tests.running.hand_worker import HandWorker

ELSEWHERE = {"REMOTE_ADDR": "192.168.1.20"}

CALLER = """
import http.client, json, sys
host, port = sys.argv[1], int(sys.argv[2])
for line in sys.stdin:
    call = json.loads(line)
    connection = http.client.HTTPConnection(host, port, timeout=20)
    body = call["body"] and call["body"].encode("latin-1")
    connection.request(call["method"], call["path"], body, call["headers"])
    print(connection.getresponse().status, flush=True)
    connection.close()
"""
"""A client for the other end: reads requests, one a line, and says what each is answered."""


class Network:
    """A network namespace, joined to this machine by a pair of interfaces."""

    def __init__(self, number: int) -> None:
        self.name = f"darkroom-{number}"
        self._here, self._there = f"dr{number}a", f"dr{number}b"
        block = f"10.213.{number % 250}"
        self.machine, self.client = f"{block}.1", f"{block}.2"

    def open(self) -> None:
        """Make it. Raises subprocess.CalledProcessError where that is not allowed."""
        ip("netns", "add", self.name)
        ip("link", "add", self._here, "type", "veth", "peer", "name", self._there)
        ip("link", "set", self._there, "netns", self.name)
        ip("address", "add", f"{self.machine}/24", "dev", self._here)
        ip("link", "set", self._here, "up")
        ip("-n", self.name, "address", "add", f"{self.client}/24", "dev", self._there)
        ip("-n", self.name, "link", "set", self._there, "up")

    def close(self) -> None:
        """Remove it, as far as it was made."""
        subprocess.run(["ip", "link", "del", self._here], capture_output=True)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def network() -> Iterator[Network]:
    not_made = "no network namespace could be made, so the door was not tried from one: "
    if not shutil.which("ip"):
        pytest.skip(f"{not_made}there is no `ip`; apt-get install iproute2 brings it")
    network = Network(os.getpid() % 100_000)
    try:
        network.open()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{not_made}{error.stderr.strip() or error}")
    else:
        yield network
    finally:
        network.close()


def test_the_page_promises_something_of_every_route_and_of_no_other(app: Flask):
    rows = [(row.method, row.rule) for row in promised()]
    assert len(set(rows)) == len(rows)
    assert set(rows) == routes(app)


@pytest.mark.slow
def test_every_route_answers_what_the_page_promises(
    client: FlaskClient, redis: Redis, worker: HandWorker
):
    wrong: list[str] = []
    for row, who, call, expected in Situation(redis, worker).calls():
        answer = client.open(
            call.path,
            method=call.method,
            headers=call.headers,
            data=call.body and call.body.encode("latin-1"),
            environ_overrides=ELSEWHERE,
        )
        if answer.status_code != expected:
            wrong.append(f"{call.method} {row.rule}, {who}: {answer.status_code}, not {expected}")
        answer.close()
        # The cookie of one caller is not the next one's.
        client.delete_cookie("darkroom")
    assert wrong == []


@pytest.mark.timeout(180)
def test_every_route_answers_what_the_page_promises_from_a_network_namespace(
    network: Network, redis_url: str, redis: Redis, worker: HandWorker, data: Path
):
    with gunicorn(redis_url, data, host="0.0.0.0") as server:
        port = server.url.rpartition(":")[2]
        command = ["ip", "netns", "exec", network.name, sys.executable, "-c", CALLER]
        elsewhere = subprocess.Popen(
            [*command, network.machine, port],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert elsewhere.stdin
        assert elsewhere.stdout

        def status(call: Call) -> int:
            elsewhere.stdin.write(json.dumps(vars(call)) + "\n")
            elsewhere.stdin.flush()
            return int(elsewhere.stdout.readline())

        wrong: list[str] = []
        try:
            for row, who, call, expected in Situation(redis, worker).calls():
                # Two hundred requests take longer than a worker that says nothing counts as alive.
                worker.advertise()
                if (answer := status(call)) != expected:
                    wrong.append(f"{call.method} {row.rule}, {who}: {answer}, not {expected}")
        finally:
            elsewhere.stdin.close()
            elsewhere.stdout.close()
            elsewhere.wait(20)
    assert wrong == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/api/v1/nothing"),
        ("PUT", "/api/v1/jobs"),
        ("PATCH", "/api/v1/jobs/x"),
        ("OPTIONS", "/api/v1/jobs"),
        ("TRACE", "/api/v1/jobs"),
        ("GET", "/api/v1/jobs/"),
        ("GET", "/api/v1/../v1/jobs"),
        ("GET", "/static/app/../../app.py"),
    ],
)
def test_what_is_no_route_says_nothing_to_a_stranger(client: FlaskClient, method: str, path: str):
    answer = client.open(path, method=method, environ_overrides=ELSEWHERE)
    assert answer.status_code in (401, 404), answer.status_code
    if not path.startswith("/static/app"):
        assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/", "/api/v1/health", "/api/v1/pair", "/api/v1/session"])
def test_a_wrong_method_where_no_token_is_needed_is_a_wrong_method(client: FlaskClient, path: str):
    answer = client.put(path, environ_overrides=ELSEWHERE)
    assert answer.status_code == 405
    assert answer.headers["Allow"]


def test_a_refusal_is_a_problem_that_says_how_to_come_in(client: FlaskClient):
    answer = client.get("/api/v1/jobs", environ_overrides=ELSEWHERE)
    assert answer.content_type == "application/problem+json"
    assert answer.json["type"] == "urn:darkroom:unauthorized"
    assert "darkroom pair" in answer.json["detail"]
    assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert "Basic" in answer.headers["WWW-Authenticate"]


def test_a_browser_is_not_told_of_basic_so_that_it_asks_for_no_password(client: FlaskClient):
    headers = {"User-Agent": "Mozilla/5.0 (iPhone)"}
    answer = client.get("/api/v1/jobs", headers=headers, environ_overrides=ELSEWHERE)
    assert "Basic" not in answer.headers["WWW-Authenticate"]


def test_every_kind_of_caller_is_in_every_row():
    assert len(promised()) > 20
    assert all(list(row.answers) == list(WHO) for row in promised())
