"""Pairing: a one-time code becomes a device; devices are listed and revoked."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient
from redis import Redis

from darkroom.network import tls
from jobs import devices
from jobs.settings import Settings, settings
from jobs.whereabouts import here
from server.requests import reaching
from server.routes.entry import pairing
from tests.door.conftest import MakeDevice
from tests.running.api import Server
from tests.running.clients.sse import Events
from tests.running.hand_worker import HandWorker
from tests.running.paths import API
from tests.running.services.redis import elapse
from tests.up.scan import scan_svg

ELSEWHERE = {"REMOTE_ADDR": "192.168.1.20"}


def pair(client: FlaskClient, code: str, address: str = "192.168.1.20", **more: Any) -> Any:
    return client.post(
        f"{API}/pair",
        json={"code": code, "name": "Anna's phone", **more},
        environ_overrides={"REMOTE_ADDR": address},
    )


def test_a_code_becomes_a_device_that_may_come_in(client: FlaskClient, redis: Redis):
    code = client.post(f"{API}/pairing-codes", json={}).json
    answer = pair(client, code["code"])
    assert answer.status_code == 201
    headers = {"Authorization": f"Bearer {answer.json['token']}"}
    me = client.get(f"{API}/me", headers=headers, environ_overrides=ELSEWHERE).json
    assert me["device"]["id"] == answer.json["device"]["id"]
    assert me["device"]["name"] == "Anna's phone"
    assert me["role"] == "user"
    assert me["owner"] == me["device"]["id"]


def test_a_code_leads_to_where_its_maker_found_the_server(client: FlaskClient):
    code = client.post(f"{API}/pairing-codes", json={}, base_url="http://192.168.1.5:8080").json
    assert code["url"] == f"http://192.168.1.5:8080/pair#{code['code']}"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
def test_a_code_that_is_made_on_the_machine_leads_to_its_address_on_the_network(
    client: FlaskClient, name: str
):
    code = client.post(f"{API}/pairing-codes", json={}, base_url=f"http://{name}:7860").json
    addresses = here.lan_addresses()
    base = f"http://{addresses[0]}:{settings().port}" if addresses else f"http://{name}:7860"
    assert code["url"] == f"{base}/pair#{code['code']}"


def test_a_code_leads_to_the_public_url_and_says_whom_to_trust(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    tls.ensure(tmp_path / "tls", ["localhost"])
    chosen = Settings(public_url="https://pictures.example/", tls=True, data=tmp_path)
    for part in (pairing, reaching):
        monkeypatch.setattr(part, "settings", lambda: chosen)
    code = client.post(f"{API}/pairing-codes", json={}).json
    authority = here.fingerprint(tmp_path / "tls")
    assert code["url"] == f"https://pictures.example/pair#{code['code']}&ca={authority}"
    assert scan_svg(code["qr"]) == code["url"]


def test_a_codes_picture_is_its_qr_code(client: FlaskClient):
    code = client.post(f"{API}/pairing-codes", json={}).json
    assert scan_svg(code["qr"]) == code["url"]
    assert code["qr"].startswith("<svg ")


def test_a_code_works_once(client: FlaskClient, redis: Redis):
    code = devices.new_code(redis)
    assert pair(client, code).status_code == 201
    assert pair(client, code).status_code == 403
    assert len(devices.list_devices(redis)) == 1


def test_of_many_that_send_a_code_at_once_one_comes_in(redis: Redis):
    code = devices.new_code(redis)
    gate = threading.Barrier(8)

    def redeem(number: int) -> bool:
        gate.wait()
        return devices.redeem(redis, code, f"device {number}") is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(redeem, range(8))) == 1


def test_a_code_is_good_for_ten_minutes(client: FlaskClient, redis: Redis):
    devices.new_code(redis)
    [key] = redis.keys("darkroom:pairing:*")
    assert 590 < redis.ttl(key) <= 600
    short = devices.new_code(redis, seconds=1)
    time.sleep(1.1)
    assert pair(client, short).status_code == 403


def test_a_code_may_be_typed_as_people_type(client: FlaskClient, redis: Redis):
    code = devices.new_code(redis)
    assert set(code) <= set(devices.ALPHABET)
    assert not set(devices.ALPHABET) & set("0O1IL")
    typed = f" {code[:4].lower()} - {code[4:].lower()} "
    assert pair(client, typed).status_code == 201


@pytest.mark.parametrize("code", ["AAAA", "*", "ABCDEFGH\n", "ÄBCDEFGH", "x" * 64, "-" * 64])
def test_what_is_no_code_is_a_wrong_one(client: FlaskClient, code: str):
    assert pair(client, code).status_code == 403


def test_wrong_codes_are_throttled_by_address_and_a_right_one_is_too(
    client: FlaskClient, redis: Redis
):
    code = devices.new_code(redis)
    statuses = [pair(client, f"AAAAAA{n}{n}").status_code for n in range(2, 9)]
    assert statuses == [403] * 5 + [429] * 2
    late = pair(client, code)
    assert late.status_code == 429
    assert 0 < int(late.headers["Retry-After"]) <= 60
    assert late.json["type"] == "urn:darkroom:too-many-tries"
    assert pair(client, code, "192.168.1.21").status_code == 201


def test_the_addresses_of_one_ipv6_network_have_their_tries_together(client: FlaskClient):
    statuses = [pair(client, "AAAAAAAA", f"2001:db8::{n}").status_code for n in range(1, 8)]
    assert statuses == [403] * 5 + [429] * 2
    assert pair(client, "AAAAAAAA", "2001:db8:0:1::1").status_code == 403


def test_an_address_may_try_again_a_minute_later_whenever_its_right_code_came(
    client: FlaskClient, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    redeem = devices.redeem

    def slow(*asked: Any) -> Any:
        elapse(redis, 61)
        return redeem(*asked)

    code = devices.new_code(redis)
    with monkeypatch.context() as patch:
        patch.setattr(devices, "redeem", slow)
        assert pair(client, code).status_code == 201
    statuses = [pair(client, "AAAAAAAA").status_code for _ in range(7)]
    assert statuses[:5] == [403] * 5
    assert statuses[-1] == 429
    elapse(redis, 61)
    assert pair(client, devices.new_code(redis)).status_code == 201


def test_right_codes_are_not_counted(client: FlaskClient, redis: Redis):
    statuses = {pair(client, devices.new_code(redis)).status_code for _ in range(8)}
    assert statuses == {201}


@pytest.mark.parametrize(
    "name", ["", " ", "\x1b[2Jclear", "a\u202eb", "zero\u200bwidth", "x" * 61, "\x00"]
)
def test_a_name_that_is_not_printable_is_refused_and_the_code_stays_good(
    client: FlaskClient, redis: Redis, name: str
):
    code = devices.new_code(redis)
    refused = pair(client, code, name=name)
    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == "/name"
    assert pair(client, code, name="Zoë's 2nd phone 📱").status_code == 201


def test_a_line_break_in_a_name_is_a_space(redis: Redis):
    device, _ = devices.create(redis, " two\r\n lines\t")
    assert device.name == "two lines"


def test_a_stranger_sends_no_large_body_and_no_picture(client: FlaskClient):
    large = pair(client, "AAAAAAAA", name="x" * 20_000)
    assert large.status_code == 413
    picture = client.post(
        f"{API}/pair", data=b"\x89PNG", content_type="image/png", environ_overrides=ELSEWHERE
    )
    assert picture.status_code == 415


def test_a_user_lets_users_in_and_no_admin(client: FlaskClient, redis: Redis, device: MakeDevice):
    made, headers = device("Anna's")
    assert (
        client.post(f"{API}/pairing-codes", json={"role": "admin"}, headers=headers).status_code
        == 403
    )
    code = client.post(f"{API}/pairing-codes", json={}, headers=headers).json["code"]
    friend = pair(client, code).json["device"]
    assert (friend["role"], friend["owner"]) == ("user", friend["id"])
    code = client.post(f"{API}/pairing-codes", json={"mine": True}, headers=headers).json["code"]
    assert pair(client, code).json["device"]["owner"] == made.owner


def test_a_code_goes_with_the_device_that_made_it(
    client: FlaskClient, redis: Redis, device: MakeDevice
):
    made, headers = device("Anna's")
    code = client.post(f"{API}/pairing-codes", json={}, headers=headers).json["code"]
    devices.revoke(redis, made.id)
    assert pair(client, code).status_code == 403


def test_users_see_and_revoke_their_own_devices_and_an_admin_all(
    client: FlaskClient, redis: Redis, device: MakeDevice
):
    phone, anna = device("phone", owner="anna")
    tablet, _ = device("tablet", owner="anna")
    other, _ = device("Ben's")
    _, admin = device("operator's", "admin")

    def listed(headers: dict[str, str]) -> set[str]:
        found = client.get(f"{API}/devices", headers=headers)
        assert "token" not in found.text.replace('"kind":"token"', "")
        return {each["id"] for each in found.json["devices"]}

    assert listed(anna) == {phone.id, tablet.id}
    assert listed(admin) > {phone.id, tablet.id, other.id}
    assert client.delete(f"{API}/devices/{other.id}", headers=anna).status_code == 404
    assert client.delete(f"{API}/devices/{tablet.id}", headers=anna).status_code == 204
    assert client.delete(f"{API}/devices/{tablet.id}", headers=anna).status_code == 404
    assert client.delete(f"{API}/devices/{other.id}", headers=admin).status_code == 204
    assert client.delete(f"{API}/devices/{phone.id}", headers=anna).status_code == 204
    assert client.get(f"{API}/devices", headers=anna).status_code == 401


def test_the_streams_of_a_revoked_device_end_within_seconds_and_no_others(
    server: Server, redis: Redis, worker: HandWorker, data: Path
):
    gone, token = devices.create(redis, "phone")
    _, stays = devices.create(redis, "tablet")
    ended: dict[str, float] = {}
    opened = threading.Barrier(4, timeout=20)
    first = {"Authorization": f"Bearer {token}"}
    with server.client() as client:
        job = client.post("jobs", json={"prompt": "x"}, headers=first).json()["id"]

    def follow(label: str, path: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        try:
            with server.client() as client, client.stream("GET", path, headers=headers) as answer:
                frames = iter(Events(answer.iter_lines()))
                next(frames)
                opened.wait()
                for _ in frames:
                    pass
        except httpx.ReadTimeout:
            return
        ended[label] = time.monotonic()

    threads = [
        threading.Thread(target=follow, args=each, daemon=True)
        for each in (
            ("all", "events", token),
            ("job", f"jobs/{job}/events", token),
            ("other", "events", stays),
        )
    ]
    for thread in threads:
        thread.start()
    opened.wait()
    revoked = time.monotonic()
    devices.revoke(redis, gone.id)
    for thread in threads[:2]:
        thread.join(10)
    assert {label: at - revoked < 5 for label, at in ended.items()} == {"all": True, "job": True}
    with server.client() as client:
        assert client.get("events", headers=first).status_code == 401
