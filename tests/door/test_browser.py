"""The door in a real browser: what a foreign page gets, and how a phone comes in."""

from __future__ import annotations

import html
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright
from redis import Redis

from darkroom.supervision.redis_server import RedisServer
from jobs import devices
from jobs.pictures.image_store import ImageStore
from tests.running.addresses import lan_address
from tests.running.api import Server, gunicorn
from tests.running.hand_worker import HandWorker
from tests.web.browser import FLAGS, NAMES

FOREIGN = "evil.example"
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Mobile Safari/537.36"
)

READ = """async (url) => {
  try {
    const answer = await fetch(url, { credentials: "include" });
    return `read ${answer.status}`;
  } catch (error) { return error.name; }
}"""

WRITE = """async ([url, type]) => {
  const body = JSON.stringify({ prompt: "from afar" });
  const init = { method: "POST", credentials: "include", body, headers: { "Content-Type": type } };
  try { return `read ${(await fetch(url, init)).status}`; } catch (error) { return error.name; }
}"""

LISTEN = """(url) => new Promise((resolve) => {
  const source = new EventSource(url, { withCredentials: true });
  source.onopen = () => { source.close(); resolve("open"); };
  source.onerror = () => { source.close(); resolve("error"); };
})"""

SHOW = """(url) => new Promise((resolve) => {
  const image = new Image();
  image.onload = () => resolve("shown");
  image.onerror = () => resolve("error");
  image.src = url;
})"""

VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  violations.push(`${event.effectiveDirective} ${event.blockedURI}`);
});
"""


class Blank(BaseHTTPRequestHandler):
    """Somebody else's site: a page without any policy of its own."""

    def do_GET(self) -> None:
        page = f"<!doctype html><title>Foreign</title><p>{html.escape(self.path)}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def foreign_port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Blank) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site.server_port
        site.shutdown()


@pytest.fixture(scope="module")
def server(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("door")
    with gunicorn(redis_server.url, data, host="0.0.0.0", mdns=False) as server:
        yield server


@pytest.fixture(scope="module")
def port(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


@pytest.fixture(scope="module")
def lan(port: int) -> str:
    """The server as other machines see it: nobody who comes this way is the machine's owner."""
    return f"http://{lan_address()}:{port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium is on the PATH; Debian, Ubuntu: sudo apt install chromium")
    rules = f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1, MAP rebound.example 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, rules])
        yield browser
        browser.close()


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    contexts: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        context = browser.new_context(**options)
        context.add_init_script(VIOLATIONS)
        context.set_default_timeout(20_000)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def worker(redis: Redis, tmp_path: Path) -> HandWorker:
    """What the server offers, in a Redis that each test finds empty."""
    worker = HandWorker(redis, ImageStore(str(tmp_path)))
    worker.advertise()
    return worker


def pair(context: BrowserContext, url: str, redis: Redis) -> Page:
    page = context.new_page()
    page.goto(devices.pairing_url(url, devices.new_code(redis)))
    page.get_by_role("button", name="Pair this device").click()
    page.wait_for_url(f"{url}/")
    return page


def signed_in(page: Page) -> None:
    expect(page.get_by_label("What should the picture show?")).to_be_visible()
    expect(page.get_by_role("link", name="Gallery")).to_be_visible()


def test_scanning_the_code_takes_one_tap(
    new_context: Callable[..., BrowserContext], redis: Redis, worker: HandWorker, lan: str
):
    page = new_context(**PHONE, user_agent=ANDROID).new_page()
    page.goto(devices.pairing_url(lan, devices.new_code(redis)))
    button = page.get_by_role("button", name="Pair this device")
    expect(page.get_by_label("What to call this device")).to_have_value("Chrome on Android phone")
    expect(page.get_by_label("Code")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = button.bounding_box()
    assert box
    assert box["height"] >= 44
    assert box["y"] + box["height"] < 740, "the button is below the fold"

    button.tap()

    page.wait_for_url(f"{lan}/")
    signed_in(page)
    (device,) = devices.list_devices(redis)
    assert (device.name, device.role, device.kind) == ("Chrome on Android phone", "user", "browser")
    (cookie,) = page.context.cookies()
    assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""
    page.go_back()
    assert devices.pairing_url(lan, "") not in page.url, "the code stayed in the history"


def test_a_paired_browser_makes_a_picture(
    new_context: Callable[..., BrowserContext], redis: Redis, worker: HandWorker, lan: str
):
    page = pair(new_context(), lan, redis)
    signed_in(page)
    page.get_by_label("What should the picture show?").fill("red apple")
    page.keyboard.press("Enter")
    expect(page.locator(".card .words")).to_have_text("red apple")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".card")).to_have_attribute("data-status", "canceled")
    assert page.evaluate("violations") == []


def test_a_used_code_says_where_a_new_one_comes_from(
    new_context: Callable[..., BrowserContext], redis: Redis, worker: HandWorker, lan: str
):
    used = devices.new_code(redis)
    devices.redeem(redis, used, "Somebody else")
    page = new_context(**PHONE).new_page()
    page.goto(devices.pairing_url(lan, used))
    page.get_by_role("button", name="Pair this device").click()
    expect(page.get_by_role("alert")).to_contain_text("darkroom pair")

    page.get_by_label("Code").fill(devices.new_code(redis).lower())
    page.get_by_role("button", name="Pair this device").click()
    page.wait_for_url(f"{lan}/")
    signed_in(page)


def test_scanning_again_while_the_page_is_open_takes_the_new_code(
    new_context: Callable[..., BrowserContext], redis: Redis, worker: HandWorker, lan: str
):
    held: list[Route] = []
    page = new_context().new_page()
    page.goto(devices.pairing_url(lan, "22222222"))
    page.route("**/api/v1/me", lambda route: held.append(route))
    page.get_by_role("button", name="Pair this device").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    with page.expect_response("**/api/v1/me"):
        page.goto(devices.pairing_url(lan, devices.new_code(redis), "fingerprint"))
        expect(page.get_by_label("Code")).to_be_hidden()
        # What is said of the code before comes when the next one is there.
        held[0].continue_()
        page.unroute("**/api/v1/me")
    page.wait_for_timeout(100)
    expect(page.get_by_label("Code")).to_be_hidden()
    page.get_by_role("button", name="Pair this device").click()
    page.wait_for_url(f"{lan}/")


def test_the_first_page_asks_an_unknown_device_for_a_code(
    new_context: Callable[..., BrowserContext], redis: Redis, worker: HandWorker, lan: str
):
    page = new_context(**PHONE).new_page()
    page.goto(lan)
    expect(page.get_by_label("What should the picture show?")).to_be_hidden()
    code = devices.new_code(redis)
    page.get_by_label("Code").fill(code)
    # The page looks again when it comes back into sight, and may not start over.
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(500)
    expect(page.get_by_label("Code")).to_have_value(code)
    page.get_by_role("button", name="Pair this device").click()
    signed_in(page)
    expect(page.get_by_role("heading", name="Pair this device")).to_have_count(0)


def test_a_revoked_browser_is_at_the_door_again(
    new_context: Callable[..., BrowserContext], redis: Redis, worker: HandWorker, lan: str
):
    page = pair(new_context(), lan, redis)
    signed_in(page)
    (device,) = devices.list_devices(redis)
    devices.revoke(redis, device.id)
    page.get_by_label("What should the picture show?").fill("red apple")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Code")).to_be_visible()


@pytest.mark.parametrize("way", ["by another name", "from another port", "rebound"])
def test_a_foreign_page_can_neither_read_nor_write(
    new_context: Callable[..., BrowserContext],
    redis: Redis,
    worker: HandWorker,
    port: int,
    foreign_port: int,
    way: str,
):
    # The worst case: on the machine itself, where the server needs no token, and with the cookie.
    ours = f"http://127.0.0.1:{port}"
    context = new_context()
    own = context.new_page()
    own.goto(ours)
    signed_in(own)
    created = own.evaluate(WRITE, [f"{ours}/api/v1/jobs", "application/json"])
    assert created == "read 202", "our own page may, so the test can fail"
    (key,) = redis.scan_iter("rq:job:*")
    (picture,) = worker.run(key.decode().removeprefix("rq:job:"))

    page = context.new_page()
    host = "127.0.0.1" if way == "from another port" else FOREIGN
    target = ours
    if way == "rebound":
        # The foreign name leads here now, so that to the browser this is the page's own server.
        target = f"http://rebound.example:{port}"
        page.goto(target)
        assert "421" in page.content() or "unknown-host" in page.content()
    else:
        page.goto(f"http://{host}:{foreign_port}/")
    answers = [page.evaluate(READ, f"{target}/api/v1/{path}") for path in ("jobs", "me", "health")]
    types = ("application/json", "text/plain", "application/x-www-form-urlencoded")
    answers += [page.evaluate(WRITE, [f"{target}/api/v1/jobs", type]) for type in types]
    assert set(answers) <= {"TypeError", "read 421"}, answers
    assert page.evaluate(LISTEN, f"{target}/api/v1/events") == "error"
    assert page.evaluate(SHOW, f"{target}/api/v1/images/{picture}") == "error"
    assert list(redis.scan_iter("rq:job:*")) == [key]


def test_a_foreign_form_makes_no_job_and_no_frame_shows_the_page(
    new_context: Callable[..., BrowserContext],
    redis: Redis,
    worker: HandWorker,
    port: int,
    foreign_port: int,
):
    page = new_context().new_page()
    page.goto(f"http://{FOREIGN}:{foreign_port}/")
    page.evaluate(
        """(url) => {
          const form = Object.assign(document.createElement("form"), {
            action: url, method: "post", enctype: "multipart/form-data", target: "frame" });
          form.append(Object.assign(document.createElement("input"), {
            name: "prompt", value: "from afar" }));
          const frame = Object.assign(document.createElement("iframe"), { name: "frame" });
          document.body.append(frame, form);
          form.submit();
        }""",
        f"http://127.0.0.1:{port}/api/v1/jobs",
    )
    page.wait_for_timeout(1500)
    assert list(redis.scan_iter("rq:job:*")) == []
    page.evaluate(
        "(url) => { document.querySelector('iframe').src = url; }", f"http://127.0.0.1:{port}/"
    )
    page.wait_for_timeout(1000)
    assert page.frames[-1].locator("#app > *").count() == 0


@pytest.mark.parametrize("path", ["/", "/pair#22222222", "/api/v1/docs"])
def test_no_page_breaks_its_own_policy(
    new_context: Callable[..., BrowserContext],
    redis: Redis,
    worker: HandWorker,
    server: Server,
    path: str,
):
    page = new_context().new_page()
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for _ in range(3):
        said.clear()
        answer = page.goto("about:blank") or page.goto(server.url + path)
        assert answer
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        page.wait_for_load_state("load")
        page.wait_for_timeout(500)
        # A network namespace that another test makes meanwhile ends what Chromium is loading.
        if not any("ERR_NETWORK_CHANGED" in line for line in said):
            break
    assert page.evaluate("violations") == []
    assert said == []
    assert page.evaluate("document.styleSheets[0].cssRules.length") > 5
