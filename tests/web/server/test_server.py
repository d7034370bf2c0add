"""The server's place: devices come and go, what the server is doing, how the page looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from redis import Redis

from jobs import devices
from jobs.connection import connect
from tests.running.addresses import lan_address
from tests.running.waiting import until
from tests.up.scan import scan_png
from tests.web.browser import DESK, PHONE
from tests.web.conftest import Site, Visit
from tests.web.form import PROMPT, submit

Scheme = Literal["dark", "light"]

REFUSED = "401"
"""What the console says where a device is not let in."""


@pytest.fixture
def redis(site: Site) -> Iterator[Redis]:
    """The server's Redis, in which no device is paired."""
    with connect(site.redis_url) as client:
        for device in devices.list_devices(client):
            devices.revoke(client, device.id)
        yield client


@pytest.fixture
def lan(site: Site) -> str:
    """The server as other machines see it: nobody who comes this way is the machine's owner."""
    return f"http://{lan_address()}:{site.url.rpartition(':')[2]}"


def figure(page: Page, name: str) -> Locator:
    return page.locator(".figures > div", has_text=name).locator("dd")


def come_in(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Pair this device").click()
    page.wait_for_url(re.compile(r"/$"))
    expect(page.get_by_role("link", name="Server")).to_be_visible()


def test_a_phone_scans_the_code_of_the_screen_comes_in_and_is_shown_out(
    visit: Visit, redis: Redis, lan: str
):
    desk = visit(DESK, path="#/server")
    expect(desk.get_by_text("machine that the server runs on")).to_be_visible()
    expect(desk.get_by_text("No other device is paired yet.")).to_be_visible()
    desk.get_by_role("button", name="Pair a device").click()
    sheet = desk.get_by_role("dialog", name="Pair a device")
    expect(sheet.get_by_role("checkbox", name="as an admin")).to_be_visible()
    sheet.get_by_role("radio", name="Mine").check()
    sheet.get_by_role("button", name="Show the code").click()
    picture = sheet.get_by_role("img", name="QR code for pairing")
    expect(picture).to_be_visible()
    expect(sheet.get_by_text("Good for 10 min")).to_be_visible()
    url = scan_png(picture.screenshot())
    assert url.startswith(f"{lan}/pair#"), "a phone cannot go where the desk's browser is"
    code = url.partition("#")[2]
    expect(sheet.get_by_text(f"{code[:4]}-{code[4:]}")).to_be_visible()

    phone = visit(PHONE, noise=REFUSED)
    come_in(phone, url)
    [device] = devices.list_devices(redis)
    assert (device.owner, device.role) == ("local", "user")
    expect(sheet.get_by_role("status")).to_have_text(f"{device.name} is in.")
    sheet.get_by_role("button", name="Done").click()
    expect(sheet).to_be_hidden()
    row = desk.get_by_role("listitem").filter(has_text=device.name)
    expect(row).to_contain_text("seen just now")

    phone.get_by_role("link", name="Server").tap()
    expect(phone.get_by_text("this device", exact=True)).to_be_visible()
    row.get_by_role("button", name=f"Remove {device.name}").click()
    expect(row.get_by_role("button", name="Remove")).to_be_focused()
    row.get_by_role("button", name="Keep").click()
    expect(row.get_by_role("button", name=f"Remove {device.name}")).to_be_focused()
    assert devices.exists(redis, device.id), "one tap is not enough"
    row.get_by_role("button", name=f"Remove {device.name}").click()
    row.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    expect(desk.get_by_text(f"{device.name} was removed.")).to_be_visible()
    assert devices.list_devices(redis) == []
    expect(phone.get_by_role("heading", name="Pair this device")).to_be_visible()


def test_a_user_logs_out_and_has_to_pair_again(visit: Visit, redis: Redis, lan: str):
    page = visit(PHONE, noise=REFUSED)
    come_in(page, devices.pairing_url(lan, devices.new_code(redis)))
    page.get_by_role("link", name="Server").tap()
    expect(figure(page, "Workers")).to_have_text("1")
    expect(page.get_by_text("cpu", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("^Remove"))).to_have_count(0)
    page.get_by_role("button", name="Pair a device").tap()
    expect(page.get_by_role("radio", name="Mine")).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(0)
    page.get_by_role("button", name="Close").tap()

    page.get_by_role("button", name="Log out").tap()
    expect(page.get_by_text("It takes a new code to come back.")).to_be_visible()
    page.get_by_role("button", name="Log out").tap()
    expect(page.get_by_role("heading", name="Pair this device")).to_be_visible()
    assert devices.list_devices(redis) == []
    assert page.context.cookies() == []
    page.reload()
    expect(page.get_by_label("Code")).to_be_visible()


def test_what_the_server_is_doing_is_shown_as_it_changes(visit: Visit, site: Site):
    page = visit(path="#/server")
    expect(figure(page, "Running jobs")).to_have_text("0")
    expect(page.get_by_text("cpu", exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile(r"^Darkroom \d"))).to_contain_text("Only paired devices")
    job = httpx.post(f"{site.url}/api/v1/jobs", json={"prompt": "x", "steps": 150, "count": 8})
    expect(figure(page, "Running jobs")).to_have_text("1")
    expect(page.get_by_text("1 running")).to_be_visible()
    httpx.post(f"{site.url}{job.json()['urls']['cancel']}")
    expect(figure(page, "Running jobs")).to_have_text("0")
    link = page.get_by_role("link", name="Documentation of the API").get_attribute("href")
    assert httpx.get(f"{site.url}{link}").status_code == 200


@pytest.mark.slow
def test_the_server_is_asked_only_while_somebody_looks(visit: Visit):
    page = visit(path="#/server")
    expect(figure(page, "Workers")).to_have_text("1")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(3200)
    assert any(url.endswith("/state") for url in asked)
    page.get_by_role("link", name="Gallery").click()
    page.wait_for_timeout(200)
    asked.clear()
    page.wait_for_timeout(3200)
    assert not any(url.endswith(("/state", "/devices")) for url in asked)


WORDS = """() => {
  const texts = [...document.querySelectorAll("h2, h3, button, a, dt, .muted, .readiness, .badge")]
    .map((each) => each.textContent.trim());
  const labels = [...document.querySelectorAll("[aria-label]")]
    .map((each) => each.getAttribute("aria-label"));
  return [...texts, ...labels].filter((each) => each);
}"""


def test_a_picture_that_is_done_is_told_of_while_nobody_looks(visit: Visit, site: Site):
    page = visit(DESK, path="#/server", permissions=["notifications"])
    page.evaluate("""() => {
      window.told = [];
      window.Notification = class {
        static permission = "granted";
        static requestPermission = async () => "granted";
        constructor(title, said) { window.told.push([title, said.body]); }
        close() {}
      };
    }""")
    page.get_by_label("Tell me here, while I look elsewhere").check()
    submit(site, prompt="red apple, 3d", steps=1)
    page.get_by_role("link", name="Make").click()
    expect(page.locator(".card", has_text="red apple").locator(".picture.shown")).to_be_visible()
    hidden = "Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'})"
    page.evaluate(hidden)
    submit(site, prompt="cat face, 3d", steps=1)
    until(lambda: page.evaluate("window.told.length") > 0)
    assert page.evaluate("window.told") == [["Your picture is done", "cat face, 3d"]]


def test_a_topic_of_ntfy_goes_with_what_is_asked_for(visit: Visit, site: Site):
    page = visit(PHONE, path="#/server", noise="422")
    topic = page.get_by_label("Tell a phone by ntfy")
    topic.fill("my topic")
    topic.press("Tab")
    expect(page.get_by_text("An address such as")).to_be_visible()
    # A private address is none that the server calls unless it is allowed: the server says so.
    topic.fill("http://192.168.77.1/kitchen")
    topic.press("Tab")
    expect(page.get_by_text("It is told of all that you ask for")).to_be_visible()
    page.reload()
    expect(topic).to_have_value("http://192.168.77.1/kitchen")
    page.get_by_role("link", name="Make").tap()
    page.get_by_label(PROMPT).fill("sun, flat")
    page.get_by_role("button", name="Make it").tap()
    expect(page.get_by_role("alert").filter(has_text="Webhook")).to_be_visible()


def test_every_word_of_the_place_is_in_the_language_that_was_chosen(visit: Visit, site: Site):
    page = visit(path="#/server")
    expect(figure(page, "Workers")).to_have_text("1")
    english = set(page.evaluate(WORDS))
    page.get_by_role("button", name="Tiếng Việt").click()
    expect(page.locator("html")).to_have_attribute("lang", "vi")
    expect(page.get_by_role("heading", name="Thiết bị", exact=True)).to_be_visible()
    names = {"English", "Tiếng Việt", "Deutsch", "Español", "Français"}
    names |= {"العربية", "日本語", "简体中文"}
    for model in httpx.get(f"{site.url}/api/v1/models").json()["models"]:
        names |= {model["name"], model["title"], model["description"]}
        names |= {worker["name"] for worker in model["workers"]}
    assert english & set(page.evaluate(WORDS)) <= names
    page.reload()
    expect(page.get_by_role("heading", name="Thiết bị", exact=True)).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Devices")).to_be_visible()


@pytest.mark.parametrize(
    ("system", "other"), [("dark", "light"), pytest.param("light", "dark", marks=pytest.mark.slow)]
)
def test_the_colours_are_those_that_were_chosen_also_after_a_reload(
    visit: Visit, system: Scheme, other: Scheme
):
    page = visit(path="#/server", color_scheme=system)
    ground = "getComputedStyle(document.body).backgroundColor"
    choice = page.get_by_role("button", name=other.title())
    expect(page.get_by_role("button", name="System")).to_have_attribute("aria-pressed", "true")
    as_the_system = page.evaluate(ground)
    choice.click()
    chosen = page.evaluate(ground)
    assert chosen != as_the_system
    page.reload()
    expect(choice).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(ground) == chosen
    page.get_by_role("button", name="System").click()
    assert page.evaluate(ground) == as_the_system
    page.emulate_media(color_scheme=other)
    assert page.evaluate(ground) == chosen


@pytest.mark.parametrize(
    "width", [360, *(pytest.param(each, marks=pytest.mark.slow) for each in (820, 1440)), 2560]
)
def test_the_place_has_no_sideways_scroll(visit: Visit, redis: Redis, width: int):
    devices.create(redis, "A device with a name that is as long as a name is ever to be")
    page = visit({"width": width, "height": 800}, path="#/server")
    expect(figure(page, "Workers")).to_have_text("1")
    expect(page.get_by_text("A device with a name").first).to_be_visible()
    page.get_by_role("button", name=re.compile("^Remove")).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_two_devices_of_one_name_are_told_apart(visit: Visit, redis: Redis):
    made = [devices.create(redis, "Chrome on Android")[0].id for _ in range(2)]
    page = visit(DESK, path="#/server")
    names = [f"Chrome on Android · {each[:4]}" for each in made]
    for name in names:
        expect(page.get_by_role("button", name=f"Remove {name}")).to_be_visible()
    page.get_by_role("button", name=f"Remove {names[0]}").click()
    page.get_by_role("button", name="Remove", exact=True).last.click()
    left = page.get_by_role("region", name="Devices").get_by_text("Chrome on Android", exact=True)
    expect(left).to_be_visible()
    assert [each.id for each in devices.list_devices(redis)] == made[1:]
