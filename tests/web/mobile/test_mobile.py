"""The bundle of the mobile shell in Chromium, as large as a phone, on a server of the network.

Its pages come from http://localhost, as Android's WebView has them. A phone's own parts (camera,
photos, notifications) are not there: what the app asks of them is looked at on the bridge.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from redis import Redis

from jobs import devices
from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from tests.running.addresses import lan_address
from tests.running.api import gunicorn
from tests.running.hand_worker import HandWorker
from tests.running.paths import REPOSITORY
from tests.running.services.redis import redis_in
from tests.web.browser import FLAGS, NAMES, PHONE
from tests.web.mobile.mobile import (
    APP,
    PARTS,
    WWW,
    asked,
    pair,
    problem,
    prompt,
    serve,
    servers,
    sight,
)

NETWORK = {"host": "0.0.0.0", "mdns": False, "allowed_hosts": "house.local,open.local"}
"""How a server is started that phones reach under the names of a local network."""


@dataclass
class House:
    """A server as the network sees it, and the worker that makes its pictures."""

    url: str
    redis: Redis
    worker: HandWorker

    def code(self) -> str:
        return devices.new_code(self.redis)


@pytest.fixture(scope="module")
def address() -> str:
    return lan_address()


@pytest.fixture(scope="module")
def chrome(browser: Browser, address: str) -> Iterator[Browser]:
    """A browser whose network has a name server for .local, as multicast DNS is one."""
    program = next(filter(None, map(shutil.which, NAMES)))
    rules = f"--host-resolver-rules=MAP *.local {address}"
    chrome = browser.browser_type.launch(executable_path=program, args=[*FLAGS, rules])
    yield chrome
    chrome.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("house")
    with redis_in(data / "redis") as redis, connect(redis.url) as client:
        worker = HandWorker(client, ImageStore(str(data / "images")))
        worker.advertise()
        with gunicorn(redis.url, data, **NETWORK) as server:
            port = server.url.rpartition(":")[2]
            yield House(f"http://house.local:{port}", client, worker)


@pytest.fixture(autouse=True)
def offered(house: House) -> None:
    house.worker.advertise()


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another server, which lets in everybody."""
    data = tmp_path_factory.mktemp("open")
    with (
        redis_in(data / "redis") as redis,
        gunicorn(redis.url, data, **NETWORK, open=True) as server,
    ):
        yield f"http://open.local:{server.url.rpartition(':')[2]}"


Phone = Callable[..., Page]


@pytest.fixture
def phone(chrome: Browser) -> Iterator[Phone]:
    """Opens the app on a phone that it was never on before; nothing may break unseen."""
    assert (WWW / "index.html").is_file(), "not built: sh clients/node.sh mobile build"
    contexts, broken = [], []

    def open_app(parts: str = "", **options: object) -> Page:
        context = chrome.new_context(
            **{"locale": "en-US", "viewport": PHONE, "has_touch": True, "is_mobile": True} | options
        )
        contexts.append(context)
        context.route(f"{APP}/**", serve)
        if parts:
            context.add_init_script(parts)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(f"{APP}/")
        return page

    yield open_app
    for context in contexts:
        context.close()
    assert broken == []


def test_a_phone_pairs_by_address_and_code_and_makes_a_picture(house: House, phone: Phone):
    page = phone()
    pair(page, house.url, house.code())
    prompt(page).fill("a red apple")
    with page.expect_response("**/api/v1/jobs") as sent:
        page.get_by_role("button", name="Make it").tap()
    job = sent.value.json()
    assert sent.value.status == 202
    house.worker.run(job["id"])
    picture = page.locator("main img").first
    expect(picture).to_be_visible()
    page.wait_for_function("document.querySelector('main img')?.naturalWidth > 0")
    [device] = devices.list_devices(house.redis)
    assert (device.name, device.kind) == ("Anna's phone", "paired")


@pytest.mark.slow
def test_the_pairing_outlives_the_app(house: House, phone: Phone):
    page = phone()
    pair(page, house.url, house.code())
    expect(prompt(page)).to_be_visible()
    page.goto(f"{APP}/")
    with page.expect_response("**/api/v1/me") as answer:
        expect(prompt(page)).to_be_visible()
    assert answer.value.status == 200


@pytest.mark.slow
def test_what_a_qr_code_says_can_be_pasted(house: House, phone: Phone):
    page = phone()
    code = house.code()
    form = page.get_by_role("form", name="Address and code")
    form.get_by_label("Address of the server").fill(devices.pairing_url(house.url, code))
    expect(form.get_by_label("Address of the server")).to_have_value(house.url)
    expect(form.get_by_label("Code", exact=True)).to_have_value(code)
    form.get_by_role("button", name="Pair").tap()
    expect(prompt(page)).to_be_visible()


@pytest.mark.slow
def test_a_second_server_is_added_renamed_chosen_and_removed(
    house: House, open_house: str, phone: Phone
):
    page = phone()
    pair(page, house.url, house.code())
    servers(page)
    with page.expect_request(f"{open_house}/api/v1/jobs*") as asked:
        pair(page, open_house)
    assert "authorization" not in asked.value.headers
    servers(page)
    page.get_by_role("button", name="Rename open.local").tap()
    page.get_by_label("New name").fill("The open one")
    page.get_by_role("button", name="Keep").tap()
    with page.expect_request(f"{house.url}/api/v1/me") as asked:
        page.get_by_role("button", name=re.compile("^house.local")).tap()
    assert asked.value.headers["authorization"].startswith("Bearer dk_")
    known = len(devices.list_devices(house.redis))
    servers(page)
    page.get_by_role("button", name="Remove house.local").tap()
    with page.expect_request(f"{open_house}/api/v1/jobs*"):
        page.get_by_role("button", name="Remove", exact=True).tap()
    servers(page)
    expect(page.get_by_role("button", name=re.compile("^The open one"))).to_contain_text("in use")
    expect(page.get_by_role("list", name="Servers").get_by_role("listitem")).to_have_count(1)
    # The server was told, and lets this phone in no more.
    assert len(devices.list_devices(house.redis)) == known - 1


def test_a_revoked_phone_is_asked_to_pair_again(house: House, phone: Phone):
    page = phone()
    for each in devices.list_devices(house.redis):
        devices.revoke(house.redis, each.id)
    pair(page, house.url, house.code())
    expect(prompt(page)).to_be_visible()
    [device] = devices.list_devices(house.redis)
    devices.revoke(house.redis, device.id)
    expect(page.get_by_role("heading", name="Pair this device")).to_be_visible()
    page.get_by_label("Code").fill(house.code())
    page.get_by_role("button", name="Pair this device").tap()
    expect(prompt(page)).to_be_visible()


def test_nothing_goes_unencrypted_to_the_internet(phone: Phone):
    page = phone()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    pair(page, "http://pictures.example:7860", "K7QX92MD")
    problem(page).to_contain_text("Over the internet the app speaks to https addresses only")
    field = page.get_by_label("Address of the server")
    field.fill("http://8.8.8.8/pair#K7QX92MD")
    problem(page).to_contain_text("https addresses only")
    assert [url for url in asked if not url.startswith(APP)] == []


def test_what_went_wrong_is_told_in_words(house: House, phone: Phone):
    page = phone()
    pair(page, "two words", "K7QX92MD")
    problem(page).to_contain_text("This is no address")
    pair(page, house.url, "22222222")
    problem(page).to_contain_text("This code is wrong")
    pair(page, house.url)
    problem(page).to_contain_text("asks for a code")
    pair(page, "house.local:9", "K7QX92MD")
    problem(page).to_contain_text("Nothing answers at")


def test_an_authority_that_is_not_trusted_yet_is_shown_to_compare(phone: Phone):
    page = phone()
    authority = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd_v8"
    url = devices.pairing_url("https://house.local:9", "K7QX92MD", authority)
    page.get_by_label("Address of the server").fill(url)
    page.get_by_role("button", name="Pair").tap()
    problem(page).to_contain_text("https://house.local:9/ca.crt")
    expect(page.get_by_text("00:01:02:03")).to_be_visible()


def test_the_app_speaks_vietnamese(phone: Phone):
    page = phone(locale="vi-VN")
    expect(page.get_by_role("heading")).to_contain_text("Darkroom tạo ảnh")
    expect(page.get_by_label("Địa chỉ máy chủ")).to_be_visible()


def test_axe_finds_nothing_and_everything_fits(house: House, phone: Phone):
    page = phone()
    axe = (REPOSITORY / "clients/web/node_modules/axe-core/axe.min.js").read_text()

    def check() -> None:
        page.get_by_role("main").wait_for()
        page.evaluate(axe)
        found = page.evaluate("axe.run().then((result) => result.violations)")
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    check()
    pair(page, house.url, house.code())
    servers(page)
    check()


def test_the_page_of_the_server_has_nothing_of_the_shell_in_it():
    page = Path(REPOSITORY / "server/pages/static/app/assets")
    text = "".join(each.read_text() for each in page.glob("*.js"))
    assert text
    assert "Capacitor" not in text


@pytest.fixture
def handset(house: House, phone: Phone) -> Page:
    """The app with a phone's parts around it, whose camera sees the server's QR code."""
    url = devices.pairing_url(house.url, house.code())
    return phone(parts=f"({PARTS})({json.dumps(url)})")


def test_a_phone_pairs_by_scanning(handset: Page):
    handset.get_by_role("button", name="Scan a QR code").tap()
    handset.get_by_role("button", name="Pair", exact=True).tap()
    expect(prompt(handset)).to_be_visible()


def test_a_server_that_the_network_tells_of_is_one_tap(handset: Page):
    service = {"name": "Darkroom on nas", "port": 7860, "ipv4Addresses": ["192.168.1.5"]}
    found = {"action": "resolved", "service": service | {"txtRecord": {"tls": "0"}}}
    handset.wait_for_function("!!told.ZeroConf")
    handset.evaluate("(found) => told.ZeroConf(found)", found)
    handset.get_by_role("button", name="Darkroom on nas").tap()
    field = handset.get_by_label("Address of the server")
    expect(field).to_have_value("http://192.168.1.5:7860")
    handset.evaluate("(found) => told.ZeroConf({ ...found, action: 'removed' })", found)
    expect(handset.get_by_role("button", name="Darkroom on nas")).to_have_count(0)


def test_a_finished_picture_is_told_of_shared_and_kept(house: House, handset: Page):
    test_a_phone_pairs_by_scanning(handset)
    prompt(handset).fill("a red apple")
    with handset.expect_response("**/api/v1/jobs") as sent:
        handset.get_by_role("button", name="Make it").tap()
    assert asked(handset, "LocalNotifications.requestPermissions") is not None
    sight(handset, "hidden")
    [picture] = house.worker.run(sent.value.json()["id"])
    [notice] = asked(handset, "LocalNotifications.schedule")["notifications"]
    assert (notice["title"], notice["body"]) == ("Your picture is ready", "a red apple")
    sight(handset, "visible")
    handset.evaluate("(it) => told.localNotificationActionPerformed({ notification: it })", notice)
    handset.wait_for_url(f"**/#/gallery/{picture}")
    handset.get_by_role("button", name="Share", exact=True).tap()
    shared = asked(handset, "Share.share")["files"]
    written = asked(handset, "Filesystem.writeFile")
    assert shared == [f"file:///cache/{written['path']}"]
    file = base64.b64decode(written["data"].partition(",")[2])
    assert file == house.worker.store.read(picture)
    handset.get_by_role("button", name="Download", exact=True).tap()
    expect(handset.get_by_text("Saved to the photos")).to_be_visible()
    kept = asked(handset, "Media.savePhoto")
    assert (kept["albumIdentifier"], kept["path"]) == ("/media/Darkroom", written["data"])


def test_back_closes_what_is_open_and_then_leaves(handset: Page):
    test_a_phone_pairs_by_scanning(handset)
    servers(handset)
    sheet = handset.get_by_role("dialog", name="Servers")
    expect(sheet).to_be_visible()
    handset.evaluate("told.backButton({ canGoBack: true })")
    expect(sheet).to_have_count(0)
    # The sheet takes its own step of the history back, a moment after it has gone.
    handset.wait_for_function("!history.state?.over")
    handset.evaluate("told.backButton({ canGoBack: true })")
    expect(prompt(handset)).to_be_visible()
    assert not handset.evaluate("asked['App.minimizeApp']")
    handset.evaluate("told.backButton({ canGoBack: false })")
    assert asked(handset, "App.minimizeApp") is not None
