"""Bodies that break the rules of HTTP or of forms, over the wire: each is told what is wrong."""

from __future__ import annotations

import json
import socket

import pytest

from tests.running.api import Server
from tests.running.hand_worker import HandWorker
from tests.running.paths import API

FORM = "multipart/form-data; boundary=b"
PICTURE_ROUTES = (f"{API}/jobs", "/v1/images/edits", "/v1/images/variations")


def head(path: str, kind: str, *more: str) -> bytes:
    lines = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {kind}", *more)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def connect(server: Server) -> socket.socket:
    host, port = server.url.rpartition("/")[2].split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def answer_on(client: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One answer of a connection that may be kept: its status, headers and body."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = client.recv(65536)
        assert data, received
        received += data
    start, _, body = received.partition(b"\r\n\r\n")
    first, *lines = start.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += client.recv(65536)
    return int(first.split()[1]), headers, body


def part(disposition: str, value: str = "x") -> str:
    return f"--b\r\n{disposition}\r\n\r\n{value}\r\n"


@pytest.mark.parametrize("kind", ["application/json", FORM, "image/png"])
@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\n{}\r\n0\r\n\r\n",
        b"\r\n\r\n",
        b"-2\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}}}}\r\n0\r\n\r\n",
        b"2;\x01\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\r\n0\r\nbad trailer\r\n\r\n",
    ],
    ids=["no number", "nothing", "negative", "longer than said", "extension", "trailer"],
)
def test_a_body_in_broken_chunks_is_told_so(
    server: Server, worker: HandWorker, kind: str, chunks: bytes
):
    with connect(server) as client:
        client.sendall(head(f"{API}/jobs", kind, "Transfer-Encoding: chunked") + chunks)
        status, headers, body = answer_on(client)
        assert status == 400, body
        assert "chunks" in json.loads(body)["detail"]
        assert headers["connection"] == "close"
        assert client.recv(1) == b""


@pytest.mark.parametrize("path", PICTURE_ROUTES)
@pytest.mark.parametrize(
    ("disposition", "words"),
    [
        ("Content-Disposition: form-data", "a part has no name"),
        ('Content-Disposition: form-data; filename="a.png"', "a part has no name"),
        ("Content-Type: text/plain", "Missing Content-Disposition header"),
    ],
    ids=["text", "file", "neither"],
)
def test_a_part_without_a_name_is_told_so(
    server: Server, worker: HandWorker, path: str, disposition: str, words: str
):
    named = part('Content-Disposition: form-data; name="prompt"')
    form = f"{named}{part(disposition)}--b--\r\n"
    with server.client() as client:
        answer = client.post(
            server.url + path, content=form.encode(), headers={"Content-Type": FORM}
        )
    assert answer.status_code == 400, answer.text
    assert words in answer.text


@pytest.mark.parametrize("path", PICTURE_ROUTES)
@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
def test_a_form_of_too_many_parts_is_told_how_many_it_may_have(
    server: Server, worker: HandWorker, path: str, chunked: bool
):
    form = part('Content-Disposition: form-data; name="prompt"') * 5000 + "--b--\r\n"
    content = form.encode()
    with server.client() as client:
        answer = client.post(
            server.url + path,
            content=iter([content]) if chunked else content,
            headers={"Content-Type": FORM},
        )
    assert answer.status_code == 413
    assert "at most 1000 parts" in answer.text


@pytest.mark.parametrize(
    ("path", "kind", "length", "status"),
    [
        (f"{API}/jobs", "application/json", 40_000_000, 413),
        (f"{API}/jobs", "text/plain", 200_000, 415),
        (f"{API}/nothing", "application/json", 200_000, 404),
        (f"{API}/pair", "application/json", 20_000, 413),
        (f"{API}/jobs", "text/plain", 65_536, 415),
    ],
)
def test_a_connection_is_ended_after_a_refused_body_only_where_the_answer_says_so(
    server: Server, worker: HandWorker, path: str, kind: str, length: int, status: int
):
    kept = 0
    for _ in range(3):
        with connect(server) as client:
            sent = min(length, 100_000)
            client.sendall(head(path, kind, f"Content-Length: {length}") + b"x" * sent)
            got, headers, _ = answer_on(client)
            assert got == status
            if headers["connection"] == "close":
                continue
            kept += 1
            client.sendall(f"GET {API}/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            assert answer_on(client)[0] == 200
    assert kept == (3 if length < 65_536 else 0)
