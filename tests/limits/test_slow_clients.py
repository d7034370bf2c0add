"""Clients that send slowly, or not at all, hold up nobody: on a real gunicorn."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from darkroom.supervision.redis_server import RedisServer
from tests.running.api import Server, gunicorn
from tests.running.hand_worker import HandWorker
from tests.running.paths import API
from tests.webhooks.test_outbound import certificate

HALF_HEAD = f"POST {API}/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ".encode()


SHORT = {"sse_clients": 8, "head_timeout": 2, "body_timeout": 3}


def head(length: int, kind: str = "application/json", extra: str = "") -> bytes:
    return (
        f"POST {API}/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {length}\r\n{extra}\r\n"
    ).encode()


def connect(server: Server) -> socket.socket:
    host, port = server.url.rpartition("/")[2].split(":")
    return socket.create_connection((host, int(port)), timeout=20)


@contextmanager
def half_open(server: Server, sent: bytes, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that have sent this and send no more."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(count)]
        for client in clients:
            client.sendall(sent)
        yield clients


def answers_at_once(server: Server) -> None:
    started = time.monotonic()
    with server.client() as client:
        assert client.get("samplers").status_code == 200
        assert client.post("jobs", json={"prompt": "x" * 5000}).status_code == 202
    assert time.monotonic() - started < 5


def said(client: socket.socket, seconds: float = 20) -> bytes:
    """All that comes until the server ends the connection."""
    client.settimeout(seconds)
    answer = b""
    with suppress(ConnectionResetError):
        while data := client.recv(65536):
            answer += data
    return answer


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("slow")


@pytest.fixture(scope="module")
def server(redis_server: RedisServer, data: Path) -> Iterator[Server]:
    with gunicorn(redis_server.url, data, **SHORT) as server:
        yield server


@pytest.fixture
def impatient(server: Server, worker: HandWorker) -> Server:
    """A server of 40 threads with short deadlines, and a worker."""
    return server


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", marks=pytest.mark.slow),
        pytest.param(HALF_HEAD, marks=pytest.mark.slow),
        pytest.param(head(1000) + b'{"prompt": "', marks=pytest.mark.slow),
        pytest.param(head(5_000_000) + b'{"prompt": "', marks=pytest.mark.slow),
        head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"5\r\n{",
    ],
    ids=["silent", "half a head", "half a body", "half a large body", "half a chunk"],
)
def test_two_hundred_half_open_connections_hold_up_nobody_and_are_ended(
    impatient: Server, sent: bytes
):
    with half_open(impatient, sent, 200) as clients:
        time.sleep(0.3)
        answers_at_once(impatient)
        started = time.monotonic()
        ends = [said(client, 12)[:12] for client in clients]
        assert time.monotonic() - started < 8
    expected = {b""} if not sent else {b"HTTP/1.1 408", b"HTTP/1.1 503"}
    assert set(ends) <= expected
    answers_at_once(impatient)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="head"),
        pytest.param(head(500), id="body", marks=pytest.mark.slow),
        pytest.param(head(200_000), id="upload", marks=pytest.mark.slow),
    ],
)
def test_a_client_that_sends_a_byte_now_and_then_is_cut_off(impatient: Server, sent: bytes):
    with connect(impatient) as client:
        client.sendall(sent)
        started = time.monotonic()
        with suppress(ConnectionResetError, BrokenPipeError):
            for byte in HALF_HEAD * 100:
                client.sendall(bytes([byte]))
                time.sleep(0.25)
        assert time.monotonic() - started < 6


def test_a_hundred_clients_that_never_end_their_connections_hold_up_nobody(impatient: Server):
    request = f"GET {API}/samplers HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    with half_open(impatient, request.encode(), 100) as clients:
        time.sleep(0.3)
        answers_at_once(impatient)
        for client in clients:
            assert said(client, 12).startswith(b"HTTP/1.1 200")


def test_a_head_of_forty_kilobytes_is_refused(impatient: Server):
    with connect(impatient) as client:
        client.sendall(HALF_HEAD + b"x" * 40_000)
        assert said(client).startswith(b"HTTP/1.1 431")


def test_a_body_is_read_to_the_length_it_names_whatever_follows(impatient: Server):
    body = json.dumps({"prompt": "x"}).encode()
    short = head(len(body) - 4) + body
    follows = f"GET {API}/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    with connect(impatient) as client:
        client.sendall(head(len(body)) + body + follows.encode())
        answer = said(client)
        assert answer.startswith(b"HTTP/1.1 202")
        assert answer.count(b"HTTP/1.1 200") == 1
    with connect(impatient) as client:
        client.sendall(short)
        assert said(client).startswith(b"HTTP/1.1 400")
    with connect(impatient) as client:
        client.sendall(head(len(body), extra="Content-Length: 3\r\n") + body)
        assert said(client).startswith(b"HTTP/1.1 400")
    with connect(impatient) as client:
        client.sendall(head(40_000_000_000) + body)
        assert said(client).startswith(b"HTTP/1.1 413")


def test_a_head_in_pieces_and_two_requests_on_one_connection_are_answered(impatient: Server):
    body = b'{"prompt": "in pieces"}'
    request = head(len(body)) + body
    with connect(impatient) as client:
        for _ in range(2):
            for start in range(0, len(request), 40):
                client.sendall(request[start : start + 40])
                time.sleep(0.01)
            time.sleep(0.3)
            assert client.recv(65536).startswith(b"HTTP/1.1 202")


def test_an_upload_that_is_slow_but_not_too_slow_gets_through(
    redis_url: str, data: Path, worker: HandWorker
):
    body = json.dumps({"prompt": "x", "negative_prompt": "x" * 9000, "metadata": {}}).encode()
    body += b" " * (200_000 - len(body))
    with gunicorn(redis_url, data) as server, connect(server) as client:
        client.sendall(head(len(body), extra="Connection: close\r\n"))
        for start in range(0, len(body), 10_000):
            client.sendall(body[start : start + 10_000])
            time.sleep(0.1)
        assert said(client).startswith(b"HTTP/1.1 202")


@pytest.mark.slow
def test_a_server_with_half_open_connections_stops_in_time(redis_url: str, data: Path):
    with (
        gunicorn(redis_url, data, **SHORT) as server,
        half_open(server, b"", 50),
        half_open(server, HALF_HEAD, 50),
    ):
        time.sleep(0.3)
        started = time.monotonic()
        server.process.terminate()
        server.process.wait(12)
        assert time.monotonic() - started < 5


def test_over_tls_half_a_handshake_holds_up_nobody_either(
    redis_url: str, tmp_path: Path, worker: HandWorker
):
    # The shipped configuration with a certificate of the test's own.
    folder = tmp_path / "tls"
    folder.mkdir()
    certificate(tmp_path, "localhost").rename(folder / "server.pem")
    context = ssl.create_default_context(cafile=str(folder / "server.pem"))
    with (
        gunicorn(redis_url, tmp_path, tls="true", head_timeout=60, sse_clients=8) as server,
        half_open(server, b"", 60),
        half_open(server, b"\x16\x03\x01\x02", 60),
    ):
        started = time.monotonic()
        for length in (10, 150_000):
            body = b'{"prompt": "x"}' + b" " * length
            raw = connect(server)
            with raw, context.wrap_socket(raw, server_hostname="localhost") as client:
                client.sendall(head(len(body), extra="Connection: close\r\n"))
                client.sendall(body)
                assert said(client).startswith(b"HTTP/1.1 202")
        assert time.monotonic() - started < 30
