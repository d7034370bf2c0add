"""Where webhooks may go: nowhere inside, whatever name, spelling or DNS trick leads there."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from redis import Redis

from jobs.outbound import sending
from jobs.outbound.sending import Unreachable, post
from jobs.outbound.targets import Allowed, Refused, check
from tests.running.apps import Apps
from tests.running.hand_worker import HandWorker
from tests.running.paths import API
from tests.webhooks.conftest import Receiver, deliverer

NOBODY = Allowed()

INSIDE = (
    "http://127.0.0.1/",
    "http://127.1.2.3:8000/",
    "http://localhost/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://192.0.2.1/",
    "http://198.18.0.1/",
    "http://[::]/",
    "http://[::1]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[fd00:ec2::254]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
)

BAD = (
    "ftp://example.org/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "//example.org/",
    "http:///",
    "http://user:secret@93.184.216.34/",
    "http://user@93.184.216.34/",
    "http://93.184.216.34:0/",
    "http://93.184.216.34:99999/",
    "http://93.184.216.34 /",
    "http://93.184.216.34/\r\nX-Evil: 1",
    "http://93.184.216.34\\@127.0.0.1/",
    "http://[::1/",
    "http://exämple.org/",
    "http://93.184.216.34/" + "x" * 2000,
)


@pytest.mark.parametrize("url", INSIDE)
def test_no_spelling_of_an_address_inside_is_taken(url: str):
    with pytest.raises(Refused, match="not on the public internet"):
        check(url, NOBODY)


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_plain_web_address_is_refused(url: str):
    with pytest.raises(Refused):
        check(url, NOBODY)


@pytest.mark.parametrize(
    "url", ["http://8.8.8.8/", "https://[2606:4700::1111]/x?y=1", "http://[64:ff9b::808:808]/"]
)
def test_addresses_of_the_public_internet_are_taken(url: str):
    assert check(url, NOBODY).address


def test_the_operator_allows_a_network_or_a_name_and_nothing_beside_it():
    network = Allowed.parse(["10.1.0.0/16", "fd00::/8"])
    assert check("http://10.1.2.3/", network).address == "10.1.2.3"
    assert check("http://[::ffff:10.1.2.3]/", network)
    assert check("http://[fd12::1]/", network)
    with pytest.raises(Refused):
        check("http://10.2.0.1/", network)
    assert check("http://localhost:99/", Allowed.parse(["LocalHost"])).port == 99
    with pytest.raises(Refused):
        check("http://127.0.0.1/", Allowed.parse(["localhost"]))


def resolves_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Have names resolve to these addresses, one list a question; returns the questions asked."""
    asked: list[str] = []

    def resolve(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        addresses = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def test_one_inside_address_among_several_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch):
    resolves_to(monkeypatch, ["93.184.216.34", "127.0.0.1"])
    with pytest.raises(Refused):
        check("http://two-faced.example/", NOBODY)


def test_a_name_that_changes_its_address_after_the_check_leads_to_the_checked_one(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
):
    port = receiver.url.rsplit(":", 1)[1]
    asked = resolves_to(monkeypatch, ["127.0.0.1"], ["127.0.0.9"])
    target = check(f"http://rebinds.example:{port}/hook", Allowed.parse(["rebinds.example"]))
    monkeypatch.undo()
    assert (asked, target.address) == (["rebinds.example"], "127.0.0.1")
    assert post(target, b"{}", {}, 5)[0] == 204
    assert receiver.received[0].headers["host"] == f"rebinds.example:{port}"


def test_nothing_of_a_refusal_tells_where_a_name_of_the_inside_leads(
    monkeypatch: pytest.MonkeyPatch,
):
    resolves_to(monkeypatch, ["10.9.8.7"])
    with pytest.raises(Refused) as refused:
        check("http://intranet.example/", NOBODY)
    assert "10.9.8.7" not in str(refused.value)


def certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "hook.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def test_https_is_proved_for_the_name_at_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    file = certificate(tmp_path, "hooks.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    names: list[str | None] = []
    context.sni_callback = lambda sock, name, context: names.append(name)
    seen: list[bytes] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            for _ in range(3):
                raw, _ = listener.accept()
                try:
                    with context.wrap_socket(raw, server_side=True) as client:
                        seen.append(client.recv(4096))
                        client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                except (OSError, ssl.SSLError):
                    raw.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        resolves_to(monkeypatch, ["127.0.0.1"])
        allowed = Allowed.parse(["hooks.example", "other.example"])
        target = check(f"https://hooks.example:{port}/x", allowed)
        other = check(f"https://other.example:{port}/x", allowed)
        monkeypatch.undo()
        with pytest.raises(Unreachable, match="certificate"):
            post(target, b"", {}, 5)
        trusting = ssl.create_default_context(cafile=str(file))
        monkeypatch.setattr(sending, "_tls", trusting)
        assert post(target, b"", {}, 5)[0] == 204
        with pytest.raises(Unreachable, match="certificate"):
            post(other, b"", {}, 5)
        thread.join(5)
    assert names == ["hooks.example", "hooks.example", "other.example"]
    assert f"Host: hooks.example:{port}".encode() in seen[0]


def test_a_receiver_that_draws_out_the_tls_handshake_is_cut_off():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        target = check(url, Allowed.parse(["127.0.0.1"]))
        with pytest.raises(Unreachable, match="within 1 s"):
            post(target, b"", {}, 1)


@pytest.mark.parametrize("url", ["http://127.0.0.1:6379/", "ftp://example.org/", "http://u:p@a.b/"])
def test_a_job_with_a_receiver_inside_is_refused_with_a_sentence(
    redis_url: str, data: Path, worker: HandWorker, apps: Apps, url: str
):
    client = apps.one(redis_url, str(data / "images")).test_client()
    answer = client.post(f"{API}/jobs", json={"prompt": "x", "webhook": {"url": url}})
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/webhook/url"


def test_a_receiver_that_is_allowed_no_more_is_not_called(
    client: FlaskClient,
    redis_url: str,
    redis: Redis,
    worker: HandWorker,
    receiver: Receiver,
    data: Path,
):
    hook = {"url": receiver.url}
    answer = client.post(f"{API}/jobs", json={"prompt": "x", "webhook": hook})
    worker.run(answer.get_json()["id"])
    with deliverer(redis_url, data, webhook_allow="10.0.0.0/8") as process:
        log = data / "webhooks.log"
        for _ in range(200):
            if "not on the public internet" in log.read_text():
                break
            threading.Event().wait(0.05)
        process.terminate()
        process.wait(10)
    assert "not on the public internet" in log.read_text()
    assert not receiver.received


@pytest.mark.parametrize(
    ("hook", "pointer"),
    [
        ({}, "/webhook/url"),
        ({"url": "https://a.b/", "events": []}, "/webhook/events"),
        ({"url": "https://a.b/", "events": ["preview"]}, "/webhook/events/0"),
        ({"url": "https://a.b/", "format": "xml"}, "/webhook/format"),
        ({"url": "https://a.b/", "secret": "x"}, "/webhook/secret"),
    ],
)
def test_each_wrong_field_of_a_webhook_is_named(
    client: FlaskClient, worker: HandWorker, hook: dict[str, object], pointer: str
):
    answer = client.post(f"{API}/jobs", json={"prompt": "x", "webhook": hook})
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == pointer
