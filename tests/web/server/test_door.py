"""The door of the page: what it says to a device that the server does not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from redis import Redis

from darkroom.supervision.redis_server import RedisServer
from jobs import devices
from tests.running.addresses import lan_address
from tests.running.api import gunicorn

SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
AGENTS = {
    (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {SAFARI}", 5): "Safari on iPhone",
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI}", 0): "Safari on Mac",
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI}", 5): "Safari on iPad",
    (f"Mozilla/5.0 (Linux; Android 10; K) {CHROME}", 5): "Chrome on Android tablet",
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Edg/140.0", 0): "Edge on Windows",
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", 0): (
        "Firefox on Linux"
    ),
    ("Something/1.0", 0): "Browser",
}
"""What browsers say of themselves, and how many fingers they take, with the name of each."""

BECOME = """([agent, touches]) => {
  Object.defineProperty(navigator, "userAgent", { get: () => agent, configurable: true });
  Object.defineProperty(navigator, "maxTouchPoints", { get: () => touches, configurable: true });
}"""


@pytest.fixture(scope="module")
def lan(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API without a worker, as other machines see it."""
    data = tmp_path_factory.mktemp("door")
    with gunicorn(redis_server.url, data, host="0.0.0.0", mdns=False) as server:
        yield f"http://{lan_address()}:{server.url.rpartition(':')[2]}"


@pytest.fixture
def stranger(browser: Browser, lan: str, redis: Redis) -> Iterator[Callable[..., Page]]:
    """Opens the page on a device that the server does not know."""
    contexts = []

    def open_page(path: str = "/", **options: object) -> Page:
        context = browser.new_context(**{"locale": "en-US"} | options)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.goto(lan + path)
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_a_code_is_typed_and_sent_with_the_keyboard_alone(
    stranger: Callable[..., Page], redis: Redis
):
    page = stranger()
    expect(page.get_by_label("Code")).to_be_focused()
    code = devices.new_code(redis)
    page.keyboard.type(f"{code[:4]}-{code[4:]}".lower())
    page.keyboard.press("Tab")
    page.keyboard.type("Anna's laptop")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Server")).to_be_visible()
    [device] = devices.list_devices(redis)
    assert device.name == "Anna's laptop"


def test_wrong_codes_are_told_in_words_and_then_how_long_to_wait(
    stranger: Callable[..., Page], redis: Redis
):
    page = stranger()
    problem = page.get_by_role("alert")
    page.get_by_role("button", name="Pair this device").click()
    expect(problem).to_contain_text("eight letters and digits")
    field = page.get_by_label("Code")
    for number in range(6):
        field.fill(f"2222222{number + 3}")
        with page.expect_response("**/pair"):
            field.press("Enter")
        # The answer has come; who types the next code sees first that it was read.
        expect(page.get_by_role("button", name="Pair this device")).to_be_enabled()
        if number == 0:
            expect(problem).to_contain_text("“darkroom pair” on the server shows a new one")
            expect(field).to_have_attribute("aria-invalid", "true")
    expect(problem).to_contain_text("wrong too often")
    expect(problem).to_contain_text(" sec")
    page.get_by_role("button", name="Tiếng Việt").click()
    expect(page.get_by_role("heading", name="Ghép nối thiết bị này")).to_be_visible()


def test_a_server_that_is_away_is_said_to_be_and_the_code_stays(
    stranger: Callable[..., Page], redis: Redis
):
    page = stranger(f"/pair#{devices.new_code(redis)}")
    page.route("**/api/v1/pair", lambda route: route.abort())
    page.get_by_role("button", name="Pair this device").click()
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.unroute("**/api/v1/pair")
    page.get_by_role("button", name="Pair this device").click()
    expect(page.get_by_role("link", name="Server")).to_be_visible()


def test_a_device_that_is_in_already_is_told_to_go_on(stranger: Callable[..., Page], redis: Redis):
    code = devices.new_code(redis)
    page = stranger(f"/pair#{code}")
    page.get_by_role("button", name="Pair this device").click()
    expect(page.get_by_role("link", name="Server")).to_be_visible()
    page.goto(page.url + f"pair#{code}")
    page.get_by_role("button", name="Pair this device").click()
    page.get_by_role("link", name="Go on to the pictures").click()
    expect(page.get_by_role("link", name="Server")).to_be_visible()
    assert len(devices.list_devices(redis)) == 1


def test_the_door_speaks_the_browsers_language(stranger: Callable[..., Page]):
    page = stranger(locale="vi-VN")
    expect(page.get_by_role("heading", name="Ghép nối thiết bị này")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "vi"
    expect(page.get_by_label("Tên gọi của thiết bị này")).to_have_value("Chrome trên Linux")


def test_a_device_is_named_after_what_it_is(stranger: Callable[..., Page]):
    page = stranger("/pair#22222222")
    for (agent, touches), name in AGENTS.items():
        page.evaluate(BECOME, [agent, touches])
        page.get_by_role("button", name="Tiếng Việt").click()
        page.get_by_role("button", name="English").click()
        expect(page.get_by_label("What to call this device")).to_have_value(name)
