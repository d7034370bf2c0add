"""https by an authority of our own: what a client that trusts it accepts, and what is renewed."""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from darkroom import machine
from darkroom.network import tls
from darkroom.supervision.redis_server import RedisServer
from jobs.settings import Settings
from jobs.whereabouts import here
from tests.running.api import gunicorn

NAMES = ["attic.local", "attic", "localhost", ".lab.example", "127.0.0.1", "::1", "192.168.1.20"]


def server(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates((folder / tls.SERVER).read_bytes())[0]


def verify(folder: Path, name: str) -> None:
    """Shake hands in memory as a browser would that trusts this authority alone."""
    client = ssl.create_default_context(cafile=folder / tls.AUTHORITY)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(folder / tls.SERVER)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        ours.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue


@pytest.mark.parametrize(
    "name", ["attic.local", "attic", "localhost", "gpu1.lab.example", "192.168.1.20", "::1"]
)
def test_a_client_that_trusts_the_authority_accepts_each_name(tmp_path: Path, name: str):
    assert tls.ensure(tmp_path / "tls", NAMES)
    verify(tmp_path / "tls", name)


def test_it_is_refused_by_another_name_and_by_whoever_does_not_trust_it(tmp_path: Path):
    tls.ensure(tmp_path / "tls", NAMES)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        verify(tmp_path / "tls", "bank.example")
    tls.ensure(tmp_path / "other", NAMES)
    shutil.copy(tmp_path / "other" / tls.AUTHORITY, tmp_path / "tls" / tls.AUTHORITY)
    with pytest.raises(ssl.SSLCertVerificationError):
        verify(tmp_path / "tls", "localhost")


def test_a_stolen_authority_cannot_pass_for_another_site(tmp_path: Path):
    folder = tmp_path / "tls"
    tls.ensure(folder, NAMES)
    authority = x509.load_pem_x509_certificate((folder / tls.AUTHORITY).read_bytes())
    key = load_pem_private_key((folder / tls.AUTHORITY_KEY).read_bytes(), None)
    now = datetime.now(UTC)
    for forged in ("bank.example", "8.8.8.8"):
        tls._make_server(folder, key, authority, [tls._name(forged)], now)
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
            verify(folder, forged)


def test_nothing_is_made_twice(tmp_path: Path):
    folder = tmp_path / "tls"
    assert tls.ensure(folder, NAMES)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert not tls.ensure(folder, NAMES)
    assert not tls.ensure(folder, NAMES[:3])  # a cable that was pulled changes nothing
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_new_address_gets_a_new_certificate_by_the_same_authority(tmp_path: Path):
    folder = tmp_path / "tls"
    tls.ensure(folder, NAMES)
    trusted = here.fingerprint(folder)
    assert tls.ensure(folder, [*NAMES, "10.9.8.7"])
    assert here.fingerprint(folder) == trusted
    verify(folder, "10.9.8.7")


def test_a_certificate_is_renewed_before_it_ends(tmp_path: Path):
    folder, now = tmp_path / "tls", datetime.now(UTC)
    tls.ensure(folder, NAMES, now)
    trusted, first = here.fingerprint(folder), server(folder)
    assert first.not_valid_after_utc - now < timedelta(days=398)
    assert not tls.ensure(folder, NAMES, now + timedelta(days=360))
    assert tls.ensure(folder, NAMES, now + timedelta(days=370))
    assert server(folder).serial_number != first.serial_number
    assert here.fingerprint(folder) == trusted
    assert tls.ensure(folder, NAMES, now + timedelta(days=3640))
    assert here.fingerprint(folder) != trusted


def test_files_that_were_cut_off_are_made_anew(tmp_path: Path):
    folder = tmp_path / "tls"
    tls.ensure(folder, NAMES)
    for name in (tls.AUTHORITY, tls.AUTHORITY_KEY, tls.SERVER):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:100])
        assert tls.ensure(folder, NAMES), name
        verify(folder, "localhost")


def test_only_the_owner_of_the_files_can_read_the_keys(tmp_path: Path):
    folder = tmp_path / "tls"
    tls.ensure(folder, NAMES)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in (tls.AUTHORITY_KEY, tls.SERVER):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_the_fingerprint_is_that_of_the_certificate_to_trust(tmp_path: Path):
    tls.ensure(tmp_path, NAMES)
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl is on the PATH to compare with")
    command = [openssl, "x509", "-noout", "-fingerprint", "-sha256", "-in", tmp_path / "ca.crt"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.strip().rpartition("=")[2] == tls.shown_fingerprint(tmp_path)
    digest = bytes.fromhex(tls.shown_fingerprint(tmp_path).replace(":", ""))
    assert base64.urlsafe_b64decode(here.fingerprint(tmp_path) + "=") == digest


def test_the_api_serves_https_and_takes_a_renewed_certificate_without_a_restart(
    redis_server: RedisServer, tmp_path: Path
):
    names = machine.names(Settings())
    folder = tmp_path / "tls"
    tls.ensure(folder, names)
    with gunicorn(redis_server.url, tmp_path, tls=True) as server:
        url = server.url
        trusting = tls.trusting(folder)
        health = httpx.get(f"{url}/api/v1/health", verify=trusting)
        assert health.status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{url}/api/v1/health")
        given = httpx.get(f"{url}/ca.crt", verify=trusting)
        assert given.content == (folder / tls.AUTHORITY).read_bytes()
        assert given.headers["Content-Type"] == "application/x-x509-ca-cert"

        before = peer(url, trusting)
        tls.ensure(folder, [*names, "10.11.12.13"])
        assert peer(url, trusting) != before
        httpx.get(f"{url}/api/v1/health", verify=trusting)


def peer(url: str, context: ssl.SSLContext) -> bytes:
    port = int(url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        certificate = wrapped.getpeercert(binary_form=True)
    assert certificate
    return certificate
