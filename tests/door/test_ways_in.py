"""The ways in: loopback, Bearer, Basic, sessions, and none at all."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from redis import Redis

from jobs import devices
from jobs.settings import settings
from tests.door.conftest import MakeDevice
from tests.running.apps import Apps
from tests.running.hand_worker import HandWorker
from tests.running.paths import API

ME = f"{API}/me"
PAGE = {"X-Darkroom-Request": "page"}
ELSEWHERE = {"REMOTE_ADDR": "192.168.1.20"}


def basic(user: str, password: str) -> dict[str, str]:
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_the_machine_itself_is_an_admin(client: FlaskClient, address: str):
    me = client.get(ME, environ_overrides={"REMOTE_ADDR": address}).json
    assert me == {"owner": "local", "role": "admin", "via": "loopback", "device": None}


@pytest.mark.parametrize(
    "address", ["192.168.1.20", "10.0.0.1", "fe80::1%eth0", "::ffff:10.0.0.1", "0.0.0.0", "", "x"]
)
def test_no_other_address_is_the_machine(client: FlaskClient, address: str):
    assert client.get(ME, environ_overrides={"REMOTE_ADDR": address}).status_code == 401


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Host"]
)
@pytest.mark.parametrize("value", ["127.0.0.1", "for=127.0.0.1", "192.168.1.20", ""])
def test_what_a_proxy_on_the_machine_forwards_is_not_the_machine(
    client: FlaskClient, header: str, value: str
):
    assert client.get(ME, headers={header: value}).status_code == 401
    from_outside = client.get(ME, headers={header: value}, environ_overrides=ELSEWHERE)
    assert from_outside.status_code == 401


def test_a_token_comes_in_as_bearer_and_as_basics_password(client: FlaskClient, redis: Redis):
    device, token = devices.create(redis, "phone")
    for headers, via in (
        ({"Authorization": f"Bearer {token}"}, "token"),
        ({"Authorization": f"bearer {token}"}, "token"),
        (basic("anybody", token), "basic"),
        (basic("", token), "basic"),
    ):
        me = client.get(ME, headers=headers, environ_overrides=ELSEWHERE).json
        assert (me["device"]["id"], me["via"], me["role"]) == (device.id, via, "user")


def test_what_is_nearly_a_token_is_none(client: FlaskClient, redis: Redis):
    _, token = devices.create(redis, "phone")
    digest = redis.hget(f"darkroom:device:{devices.find(redis, token).id}", "token").decode()
    for wrong in (
        token[:-1],
        token + "x",
        token.swapcase(),
        token.removeprefix("dk_"),
        digest,
        "dk_" + digest,
        "dk_",
        "*",
        "dk_\xe4",
    ):
        for headers in ({"Authorization": f"Bearer {wrong}"}, basic("x", wrong)):
            answer = client.get(ME, headers=headers, environ_overrides=ELSEWHERE)
            assert answer.status_code == 401, wrong
    for header in ("", "Bearer", "Basic !!!", f"Digest {token}", token, f"Bearer  {token} x"):
        answer = client.get(ME, headers={"Authorization": header}, environ_overrides=ELSEWHERE)
        assert answer.status_code == 401, header


def test_a_token_is_kept_only_as_its_hash(redis: Redis):
    _, token = devices.create(redis, "phone")
    kept = [redis.dump(key) for key in redis.keys("*")]
    assert kept
    assert not any(token.encode() in each or token[3:].encode() in each for each in kept)


def test_a_program_on_the_machine_may_send_a_key_of_any_other_kind(client: FlaskClient):
    for headers in ({"Authorization": "Bearer sk-anything"}, basic("user", "password")):
        assert client.get(ME, headers=headers).json["via"] == "loopback"
        assert client.get(ME, headers=headers, environ_overrides=ELSEWHERE).status_code == 401


def test_a_revoked_token_gets_no_more_rights_on_the_machine_than_it_had(
    client: FlaskClient, redis: Redis
):
    device, token = devices.create(redis, "script")
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get(ME, headers=headers).json["role"] == "user"
    devices.revoke(redis, device.id)
    assert client.get(ME, headers=headers).status_code == 401


def test_a_browser_on_the_machine_whose_device_was_revoked_is_just_a_browser_there(
    client: FlaskClient, redis: Redis
):
    client.set_cookie("darkroom", "dk_gone")
    assert client.get(ME).json["via"] == "loopback"
    assert client.get(ME, environ_overrides=ELSEWHERE).status_code == 401


def test_the_last_time_that_a_device_came_is_kept_to_the_minute(
    client: FlaskClient, redis: Redis, device: MakeDevice, monkeypatch: pytest.MonkeyPatch
):
    made, headers = device()
    assert devices.get(redis, made.id).last_seen is None
    client.get(ME, headers=headers)
    first = devices.get(redis, made.id).last_seen
    assert first
    assert time.time() - first.timestamp() < 5
    client.get(ME, headers=headers)
    assert devices.get(redis, made.id).last_seen == first
    monkeypatch.setattr(devices, "_now", lambda: first + devices.SEEN_EVERY)
    client.get(ME, headers=headers)
    assert devices.get(redis, made.id).last_seen == first + devices.SEEN_EVERY


def test_a_device_that_is_seen_while_it_is_revoked_does_not_come_back(redis: Redis):
    made, token = devices.create(redis, "phone")
    devices.revoke(redis, made.id)
    devices.touch(redis, made)
    assert devices.find(redis, token) is None
    assert devices.list_devices(redis) == []
    assert redis.keys("darkroom:device*") == []


def test_a_redis_that_cannot_write_still_lets_devices_in(
    client: FlaskClient, redis: Redis, device: MakeDevice, worker: HandWorker
):
    _, headers = device()
    redis.config_set("maxmemory", "1")
    try:
        assert client.get(ME, headers=headers).status_code == 200
    finally:
        redis.config_set("maxmemory", "0")


@pytest.fixture
def open_client(
    redis_url: str, data: Path, apps: Apps, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FlaskClient]:
    monkeypatch.setenv("OPEN", "true")
    settings.cache_clear()
    yield apps.one(redis_url, str(data / "images")).test_client()
    monkeypatch.undo()
    settings.cache_clear()


def test_without_a_door_everybody_is_the_owner_and_health_says_so(
    open_client: FlaskClient, worker: HandWorker
):
    me = open_client.get(ME, environ_overrides=ELSEWHERE).json
    assert me == {"owner": "local", "role": "admin", "via": "open", "device": None}
    assert open_client.get(f"{API}/health").json["door"] == "open"
    foreign = {"Origin": "http://evil.example"}
    refused = open_client.post(f"{API}/jobs", json={"prompt": "x"}, headers=foreign)
    assert refused.status_code == 403


def test_health_says_that_the_door_is_closed(client: FlaskClient):
    assert client.get(f"{API}/health").json["door"] == "closed"


class TestSessions:
    def begin(self, client: FlaskClient, token: str, **more: str) -> int:
        answer = client.post(
            f"{API}/session",
            json={"token": token},
            headers={**PAGE, **more},
            environ_overrides=ELSEWHERE,
        )
        return answer.status_code

    def test_the_cookie_is_for_no_script_and_no_other_site(self, client: FlaskClient, redis: Redis):
        _, token = devices.create(redis, "laptop")
        assert self.begin(client, token) == 201
        cookie = client.get_cookie("darkroom")
        assert cookie.value == token
        assert cookie.http_only
        assert cookie.same_site == "Strict"
        assert cookie.path == "/"
        assert not cookie.secure
        assert client.get(ME, environ_overrides=ELSEWHERE).json["via"] == "session"

    def test_over_https_the_cookie_goes_over_nothing_else(self, client: FlaskClient, redis: Redis):
        _, token = devices.create(redis, "laptop")
        answer = client.post(
            f"{API}/session", json={"token": token}, headers=PAGE, base_url="https://localhost"
        )
        assert "Secure" in answer.headers["Set-Cookie"]

    def test_what_changes_something_needs_the_header_of_our_page(
        self, client: FlaskClient, redis: Redis, worker: HandWorker
    ):
        made, token = devices.create(redis, "laptop")
        self.begin(client, token)
        for method, path in (
            ("POST", "jobs"),
            ("DELETE", f"devices/{made.id}"),
            ("POST", "pairing-codes"),
            ("DELETE", "session"),
        ):
            answer = client.open(
                f"{API}/{path}", method=method, json={}, environ_overrides=ELSEWHERE
            )
            assert answer.status_code == 403, path
            assert answer.json["type"] == "urn:darkroom:cross-site"
        job = {"json": {"prompt": "x"}, "environ_overrides": ELSEWHERE}
        assert client.post(f"{API}/jobs", headers=PAGE, **job).status_code == 202
        for foreign in (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost:8080"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            answer = client.post(f"{API}/jobs", headers={**PAGE, **foreign}, **job)
            assert answer.status_code == 403, foreign

    def test_a_page_of_an_allowed_origin_does_not_come_in_by_cookie_or_place(
        self, client: FlaskClient, redis: Redis
    ):
        _, token = devices.create(redis, "laptop")
        self.begin(client, token)
        shell = {"Origin": "capacitor://localhost"}
        assert client.get(ME, headers=shell).status_code == 401
        with_token = {**shell, "Authorization": f"Bearer {token}"}
        assert client.get(ME, headers=with_token).status_code == 200

    def test_no_session_begins_for_a_foreign_page_or_without_the_header(
        self, client: FlaskClient, redis: Redis
    ):
        _, token = devices.create(redis, "laptop")
        assert self.begin(client, token, Origin="http://evil.example") == 403
        assert self.begin(client, token, Origin="capacitor://localhost") == 403
        bare = client.post(f"{API}/session", json={"token": token})
        assert bare.status_code == 403
        pair = {"code": devices.new_code(redis), "name": "x", "session": True}
        assert client.post(f"{API}/pair", json=pair).status_code == 403
        assert client.get_cookie("darkroom") is None
        # The code was not used up by it.
        assert client.post(f"{API}/pair", json=pair, headers=PAGE).status_code == 201

    def test_a_planted_cookie_is_replaced_by_pairing_and_never_becomes_a_session(
        self, client: FlaskClient, redis: Redis
    ):
        client.set_cookie("darkroom", "dk_planted")
        pair = {"code": devices.new_code(redis), "name": "phone", "session": True}
        answer = client.post(f"{API}/pair", json=pair, headers=PAGE, environ_overrides=ELSEWHERE)
        assert answer.status_code == 201
        assert answer.json["token"] is None
        token = client.get_cookie("darkroom").value
        assert token != "dk_planted"
        assert devices.find(redis, token).kind == "browser"
        assert devices.find(redis, "dk_planted") is None

    def test_to_log_out_ends_a_paired_browser_for_good(self, client: FlaskClient, redis: Redis):
        pair = {"code": devices.new_code(redis), "name": "phone", "session": True}
        client.post(f"{API}/pair", json=pair, headers=PAGE, environ_overrides=ELSEWHERE)
        token = client.get_cookie("darkroom").value
        ended = client.delete(f"{API}/session", headers=PAGE, environ_overrides=ELSEWHERE)
        assert ended.status_code == 204
        assert client.get_cookie("darkroom") is None
        assert devices.find(redis, token) is None

    def test_to_log_out_leaves_a_token_that_was_typed_in(self, client: FlaskClient, redis: Redis):
        _, token = devices.create(redis, "laptop")
        self.begin(client, token)
        client.delete(f"{API}/session", headers=PAGE, environ_overrides=ELSEWHERE)
        assert client.get_cookie("darkroom") is None
        assert devices.find(redis, token) is not None

    def test_tokens_cannot_be_guessed_by_logging_in(self, client: FlaskClient, redis: Redis):
        assert [self.begin(client, f"dk_{guess}") for guess in range(7)] == [403] * 5 + [429] * 2
