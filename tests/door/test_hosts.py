"""By which names the server may be called: the guard against DNS rebinding."""

from __future__ import annotations

import socket

import pytest
from flask.testing import FlaskClient

from jobs.settings import Settings, settings
from server.door.hosts import allowed
from tests.running.apps import Apps

HEALTH = "/api/v1/health"
SHORT = socket.gethostname().lower().partition(".")[0]


@pytest.fixture
def client(tmp_path_factory: pytest.TempPathFactory, apps: Apps) -> FlaskClient:
    images = str(tmp_path_factory.getbasetemp() / "images")
    return apps.one("redis://127.0.0.1:1", images).test_client()


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:7860",
        "localhost.",
        "127.0.0.1:7860",
        "127.1.2.3",
        "[::1]:7860",
        "::1",
        "192.168.178.20:7860",
        "[fd00::2]:7860",
        "8.8.8.8",
        SHORT,
        f"{SHORT}.local:7860",
        socket.gethostname(),
    ],
)
def test_the_machines_own_names_and_every_address_are_answered(client: FlaskClient, host: str):
    assert client.get(HEALTH, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7860",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil-localhost",
        "evil.local",
        "local",
        "127.0.0.1@evil.example",
        "127.0.0.1, evil.example",
        "[::1",
        "2130706433",
        "0x7f.1",
        "",
        "a b",
        "http://localhost",
    ],
)
def test_every_other_name_is_refused_before_anything_is_done(client: FlaskClient, host: str):
    answer = client.get(HEALTH, headers={"Host": host})
    assert answer.status_code == 421
    assert answer.mimetype == "application/problem+json"
    assert answer.json["type"] == "urn:darkroom:unknown-host"
    assert "ALLOWED_HOSTS" in answer.json["detail"]


@pytest.mark.parametrize("path", ["/", "/pair", "/static/app/logo.svg", "/nothing", "/api/v1/jobs"])
def test_no_page_file_or_missing_path_is_left_out(client: FlaskClient, path: str):
    assert client.get(path, headers={"Host": "evil.example"}).status_code == 421


def test_a_body_for_a_foreign_name_is_not_read(client: FlaskClient):
    # Not JSON at all: a server that read it would say 400.
    headers = {"Host": "evil.example", "Content-Type": "application/json"}
    answer = client.post("/api/v1/jobs", data=b"{", headers=headers)
    assert answer.status_code == 421


def test_settings_add_names_and_whole_domains(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALLOWED_HOSTS", "Pictures.Example, .lab.example")
    monkeypatch.setenv("PUBLIC_URL", "https://away.example:8443/")
    chosen = Settings()
    assert allowed("pictures.example:7860", chosen)
    assert allowed("gpu1.lab.example", chosen)
    assert allowed("away.example:8443", chosen)
    assert not allowed("lab.example", chosen)
    assert not allowed("www.pictures.example", chosen)
    assert not allowed("evil-lab.example", chosen)


def test_what_is_written_in_a_refused_name_comes_back_harmless(client: FlaskClient):
    answer = client.get(HEALTH, headers={"Host": "x\x1b[31m" + "y" * 500})
    assert answer.status_code == 421
    assert "\x1b" not in answer.json["detail"]
    assert len(answer.json["detail"]) < 300


def test_an_open_server_still_refuses_foreign_names(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPEN", "true")
    settings.cache_clear()
    try:
        assert client.get("/api/v1/jobs", headers={"Host": "evil.example"}).status_code == 421
    finally:
        monkeypatch.undo()
        settings.cache_clear()
