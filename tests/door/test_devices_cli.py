"""`darkroom devices`, `token` and `pair`: the door, worked from the machine through Redis."""

from __future__ import annotations

from pathlib import Path

import pytest
from darkroom_client import NotAllowed
from redis import Redis

from darkroom import cli
from darkroom.commands.client import connect
from darkroom.machine import lan_addresses
from jobs import devices
from jobs.pictures.image_store import ImageStore
from jobs.settings import settings
from tests.running.api import gunicorn
from tests.running.hand_worker import HandWorker


@pytest.fixture(autouse=True)
def _here(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("DATA", str(tmp_path))
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def test_a_token_is_printed_alone_so_that_a_script_can_take_it(redis: Redis, capsys):
    assert cli.main(["token", "create", "--name", "backup", "--role", "admin"]) == 0
    said = capsys.readouterr()
    found = devices.find(redis, said.out.rstrip("\n"))
    assert found
    assert (found.name, found.role, found.kind) == ("backup", "admin", "token")
    assert f"devices revoke {found.id}" in said.err


def test_the_list_has_every_device_and_no_token(redis: Redis, capsys):
    assert cli.main(["devices"]) == 0
    assert "darkroom pair" in capsys.readouterr().out
    phone, token = devices.create(redis, "Anna's phone")
    admin, _ = devices.create(redis, "desk", "admin", "local")
    devices.touch(redis, phone)
    assert cli.main(["devices", "list"]) == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert len(lines) == 3
    assert "never" in next(line for line in lines if line.startswith(admin.id))
    assert "never" not in next(line for line in lines if line.startswith(phone.id))
    assert token not in said


def test_a_device_is_revoked_by_its_id_or_a_name_that_no_other_has(redis: Redis, capsys):
    first, _ = devices.create(redis, "phone")
    devices.create(redis, "tablet")
    second, _ = devices.create(redis, "phone")
    assert cli.main(["devices", "revoke", "phone"]) == 1
    assert "2 devices are called 'phone'" in capsys.readouterr().err
    assert cli.main(["devices", "revoke", first.id]) == 0
    assert cli.main(["devices", "revoke", "tablet"]) == 0
    assert [device.id for device in devices.list_devices(redis)] == [second.id]
    assert cli.main(["devices", "revoke", first.id]) == 1


def test_a_code_is_shown_that_lets_a_device_in(
    redis: Redis, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PUBLIC_URL", "https://pictures.example")
    settings.cache_clear()
    assert cli.main(["pair", "--mine"]) == 0
    said = capsys.readouterr().out
    code = said.partition("https://pictures.example/pair#")[2][: devices.CODE_LENGTH]
    assert f"{code[:4]}-{code[4:]}" in said
    paired = devices.redeem(redis, code, "phone")
    assert paired
    assert (paired[0].owner, paired[0].role) == ("local", "user")


def test_a_server_that_only_this_machine_reaches_shows_the_code_and_says_so(
    capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOST", "127.0.0.1")
    settings.cache_clear()
    assert cli.main(["pair"]) == 0
    assert "this machine only" in capsys.readouterr().out


def test_where_there_is_no_door_no_code_is_made(
    redis: Redis, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPEN", "true")
    settings.cache_clear()
    assert cli.main(["pair"]) == 0
    assert "without pairing" in capsys.readouterr().out
    assert redis.keys("darkroom:pairing:*") == []


@pytest.mark.parametrize(
    ("name", "owner", "said"),
    [("a\x1b[2J", None, "printable"), ("", None, "characters"), ("ok", "no spaces", "owner")],
)
def test_what_cannot_be_a_device_is_refused_in_a_sentence(
    redis: Redis, capsys, name: str, owner: str | None, said: str
):
    more = ["--owner", owner] if owner else []
    assert cli.main(["token", "create", "--name", name, *more]) == 1
    assert said in capsys.readouterr().err
    assert devices.list_devices(redis) == []


def test_a_redis_that_is_away_is_said_in_a_sentence(capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    settings.cache_clear()
    assert cli.main(["devices"]) == 1
    assert "Is Darkroom running?" in capsys.readouterr().err


def test_a_command_for_another_machine_sends_its_token_from_the_environment(
    redis_url: str, redis: Redis, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    addresses = lan_addresses()
    if not addresses:
        pytest.skip("this machine has no address but loopback, so nobody could call from elsewhere")
    _, token = devices.create(redis, "laptop")
    HandWorker(redis, ImageStore(str(tmp_path / "images"))).advertise()
    with gunicorn(redis_url, tmp_path, host="0.0.0.0") as server:
        url = server.url.replace("127.0.0.1", addresses[0])
        with connect(url) as darkroom, pytest.raises(NotAllowed, match="needs a token"):
            darkroom.models()
        monkeypatch.setenv("DARKROOM_TOKEN", token)
        with connect(url) as darkroom:
            assert darkroom.models()


@pytest.mark.parametrize(
    "command", [["devices"], ["token", "create", "--name", "x"], ["pair"], ["backup", "-"]]
)
def test_without_a_server_here_no_other_ones_redis_is_taken(
    command: list[str], redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.delenv("REDIS_URL")
    # It stands for the Redis of another server that has the usual port.
    monkeypatch.setattr("jobs.connection.LOCAL_URL", redis_url)
    settings.cache_clear()
    assert cli.main(command) == 1
    assert "No server runs with DATA=" in capsys.readouterr().err
