"""Which web pages may call, and whose word on the client is believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from redis import Redis

from jobs import devices
from jobs.settings import settings
from server.app import create_app
from server.door.proxies import indirect
from server.resources import of
from tests.running.apps import Apps

JOBS = "/api/v1/jobs"
HEALTH = "/api/v1/health"
HOST = "192.168.178.20:7860"
OURS = f"http://{HOST}"
FOREIGN = [
    "http://evil.example",
    "http://192.168.178.20:8080",
    "http://192.168.178.20",
    f"https://{HOST}",
    "http://192.168.178.20:7860.evil.example",
    "null",
    "file://",
    "",
    "chrome-extension://abcdef",
]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

MakeApp = Callable[..., Flask]


@pytest.fixture
def make_app(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeApp]:
    made: list[Flask] = []

    def make(**chosen: str) -> Flask:
        for name, value in chosen.items():
            monkeypatch.setenv(name.upper(), value)
        settings.cache_clear()
        app = create_app(redis_url, str(tmp_path))

        def seen() -> dict[str, object]:
            return {
                "peer": request.remote_addr,
                "host": request.host,
                "scheme": request.scheme,
                "indirect": indirect(),
                "forwarded": request.headers.get("X-Forwarded-For"),
            }

        app.add_url_rule("/api/v1/seen", view_func=seen)
        made.append(app)
        return app

    yield make
    for app in made:
        of(app).close()
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def client(redis_url: str, tmp_path_factory: pytest.TempPathFactory, apps: Apps) -> FlaskClient:
    return apps.one(redis_url, str(tmp_path_factory.getbasetemp() / "images")).test_client()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_origin_is_refused_whatever_it_does(
    client: FlaskClient, origin: str, method: str
):
    answer = client.open(HEALTH, method=method, headers={"Host": HOST, "Origin": origin})
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    if method != "HEAD":
        assert answer.json["type"] == "urn:darkroom:foreign-origin"


@pytest.mark.parametrize("origin", [OURS, "HTTP://192.168.178.20:7860"])
def test_our_own_page_is_not(client: FlaskClient, origin: str):
    headers = {"Host": HOST, "Origin": origin, "Sec-Fetch-Site": "same-origin"}
    answer = client.get(HEALTH, headers=headers)
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("site", ["cross-site", "same-site", "of a browser to come"])
@pytest.mark.parametrize(
    ("method", "mode", "to"),
    [
        ("POST", "navigate", "document"),
        ("POST", "no-cors", "empty"),
        ("GET", "no-cors", "image"),
        ("GET", "no-cors", "script"),
        ("GET", "navigate", "iframe"),
        ("GET", "cors", "empty"),
    ],
)
def test_what_another_site_has_the_browser_fetch_is_refused(
    client: FlaskClient, site: str, method: str, mode: str, to: str
):
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": to}
    answer = client.open("/api/v1/events", method=method, headers=headers)
    assert answer.status_code == 403


def test_a_link_from_another_site_leads_to_the_page(client: FlaskClient):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    with client.get("/", headers={**headers, "Sec-Fetch-Dest": "document"}) as answer:
        assert answer.status_code == 200


def test_a_signed_picture_may_be_shown_by_any_page(client: FlaskClient):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}
    signed = client.get("/api/v1/images/x-0?expires=1&signature=0", headers=headers)
    assert signed.json["type"] != "urn:darkroom:foreign-origin"
    assert signed.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    unsigned = client.get("/api/v1/images/x-0", headers=headers)
    assert unsigned.status_code == 403
    assert unsigned.headers["Cross-Origin-Resource-Policy"] == "same-origin"


SHELLS = ["capacitor://localhost", "http://localhost", "https://localhost"]


@pytest.mark.parametrize("origin", [*SHELLS, "https://app.example:8443"])
class TestAnOriginThatMay:
    @pytest.fixture
    def client(self, make_app: MakeApp) -> FlaskClient:
        return make_app(cors_origins="https://app.example:8443/").test_client()

    def test_is_told_so_in_the_preflight(self, client: FlaskClient, origin: str):
        headers = {
            "Host": HOST,
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        # Without a token, as a browser sends none with a preflight.
        answer = client.options(
            JOBS, headers=headers, environ_base={"REMOTE_ADDR": "192.168.178.30"}
        )
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Access-Control-Allow-Private-Network" not in answer.headers
        assert {"origin", "access-control-request-headers"} <= set(answer.vary.as_set())

    def test_may_reach_into_the_private_network(self, client: FlaskClient, origin: str):
        headers = {
            "Host": HOST,
            "Origin": origin,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Private-Network": "true",
        }
        answer = client.options(JOBS, headers=headers)
        assert answer.headers["Access-Control-Allow-Private-Network"] == "true"

    def test_reads_answers_and_problems(self, client: FlaskClient, origin: str):
        for path, status in ((HEALTH, 200), (f"{HEALTH}/nothing", 404)):
            headers = {"Authorization": "Bearer dk_wrong"} if status == 404 else {}
            answer = client.get(path, headers={"Host": HOST, "Origin": origin, **headers})
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
            assert "origin" in answer.vary.as_set()

    def test_gets_in_by_a_token_only(self, client: FlaskClient, redis: Redis, origin: str):
        _, token = devices.create(redis, "App")
        client.set_cookie("darkroom", token, domain="192.168.178.20")
        headers = {"Host": HOST, "Origin": origin, "X-Darkroom-Request": "1"}
        # From this very machine, with the cookie of our own page: neither counts.
        assert client.get(JOBS, headers=headers).status_code == 401
        given = {**headers, "Authorization": f"Bearer {token}"}
        assert client.get(JOBS, headers=given).status_code == 200


def test_a_foreign_preflight_is_given_nothing(client: FlaskClient):
    headers = {
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Private-Network": "true",
    }
    answer = client.options(JOBS, headers=headers)
    assert answer.status_code == 403
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_every_answer_says_that_it_depends_on_the_origin(client: FlaskClient):
    for path in (HEALTH, "/", "/nothing"):
        with client.get(path) as answer:
            assert "origin" in answer.vary.as_set()


LIES = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Host": "localhost",
    "X-Forwarded-Proto": "https",
    "X-Real-IP": "127.0.0.1",
    "Forwarded": "for=127.0.0.1",
}


def ask(app: Flask, peer: str, redis: Redis, **headers: str) -> dict[str, object]:
    _, token = devices.create(redis, "Asker")
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = app.test_client().get(
        "/api/v1/seen",
        headers={"Host": HOST, "Authorization": f"Bearer {token}", **given},
        environ_base={"REMOTE_ADDR": peer},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    return answer.json


def test_nobody_is_believed_unless_the_settings_say_so(make_app: MakeApp, redis: Redis):
    seen = ask(make_app(), "192.168.178.30", redis, **LIES)
    assert seen["peer"] == "192.168.178.30"
    assert (seen["host"], seen["scheme"], seen["forwarded"]) == (HOST, "http", None)


def test_a_proxy_on_this_machine_makes_nobody_its_owner(make_app: MakeApp):
    # Neither one that is not configured, nor one that is and says nothing of the client.
    client = make_app().test_client()
    assert client.get(JOBS).status_code == 200
    for name, value in LIES.items():
        assert client.get(JOBS, headers={name: value}).status_code == 401
    behind = make_app(trusted_proxies="127.0.0.0/8").test_client()
    assert behind.get(JOBS).status_code == 401
    assert behind.get(JOBS, headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("10.0.0.2", "192.168.1.9", "192.168.1.9"),
        ("10.0.0.2", "192.168.1.9:51034", "192.168.1.9"),
        ("10.0.0.2", '"[2001:db8::7]:443"', "2001:db8::7"),
        ("10.0.0.2", "127.0.0.1, 192.168.1.9", "192.168.1.9"),  # the client lied
        ("10.0.0.2", "127.0.0.1, 192.168.1.9, 10.0.0.3", "192.168.1.9"),  # two proxies
        ("10.0.0.2", "10.0.0.9, 10.0.0.3", "10.0.0.9"),
        ("10.0.0.2", "nonsense", "10.0.0.2"),
        ("10.0.0.2", "192.168.1.9, nonsense", "10.0.0.2"),
        ("::ffff:10.0.0.2", "192.168.1.9", "192.168.1.9"),
        ("10.0.1.2", "127.0.0.1", "10.0.1.2"),  # no proxy of ours
    ],
)
def test_the_client_behind_a_known_proxy_is_found(
    make_app: MakeApp, redis: Redis, peer: str, said: str, client: str
):
    app = make_app(trusted_proxies="10.0.0.0/24")
    assert ask(app, peer, redis, X_Forwarded_For=said)["peer"] == client


def test_a_known_proxy_says_by_which_name_and_scheme_it_was_called(make_app: MakeApp, redis: Redis):
    app = make_app(trusted_proxies="10.0.0.2", public_url="https://pictures.example")
    seen = ask(
        app,
        "10.0.0.2",
        redis,
        X_Forwarded_Host="pictures.example",
        X_Forwarded_Proto="https",
        Origin="https://pictures.example",
    )
    assert (seen["host"], seen["scheme"]) == ("pictures.example", "https")


def test_a_name_that_a_proxy_passes_on_is_checked_as_any_other(make_app: MakeApp):
    client = make_app(trusted_proxies="10.0.0.2").test_client()
    headers = {"Host": HOST, "X-Forwarded-Host": "evil.example"}
    answer = client.get(HEALTH, headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.2"})
    assert answer.status_code == 421


@pytest.mark.parametrize("path", ["/", "/pair", HEALTH, "/nothing", "/static/app/logo.svg"])
def test_every_answer_has_the_headers_of_a_closed_server(client: FlaskClient, path: str):
    with client.get(path, headers={"Host": HOST}) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        # On plain http over a network a browser ignores it, and says so.
        assert "Cross-Origin-Opener-Policy" not in answer.headers


def test_a_page_in_a_secure_context_is_alone_in_its_process(client: FlaskClient):
    with client.get("/", headers={"Host": "localhost:7860"}) as answer:
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
