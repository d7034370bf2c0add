"""Jobs as they go on: live, through reloads, broken networks and restarts of the server."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.running.waiting import until
from tests.web.browser import PHONE
from tests.web.conftest import Site
from tests.web.form import NETWORK, PROMPT, ask, card, done, jobs, submit

Visit = Callable[..., Page]

LOST = "No connection to the server."


def running(page: Page, prompt: str) -> None:
    expect(card(page, prompt)).to_have_attribute("data-status", "running")


def test_a_picture_appears_step_by_step_and_nothing_jumps(visit: Visit):
    page = visit()
    house = ask(page, "house, 3d", steps=150)
    expect(house.locator(".preview")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    first = house.locator(".preview").get_attribute("src")
    frame, size = house.locator(".frame").bounding_box(), house.bounding_box()
    expect(house.get_by_text(re.compile(r"^Step \d+ of 150, about \d+ sec left"))).to_be_visible()
    expect(house.locator(".preview")).not_to_have_attribute("src", first or "")
    done(house)
    expect(house.locator(".preview")).to_have_count(0)
    assert house.locator(".frame").bounding_box() == frame
    assert house.bounding_box() == size, "what stands below it jumped"


def test_cancel_stops_a_job_and_leaves_the_others(visit: Visit):
    page = visit()
    rocket = ask(page, "rocket, 3d", steps=150)
    running(page, "rocket, 3d")
    umbrella = ask(page, "umbrella, 3d", steps=5)
    rocket.get_by_role("button", name="Cancel").click()
    expect(rocket).to_have_attribute("data-status", "canceled")
    expect(rocket.get_by_text("Canceled")).to_be_visible()
    done(umbrella)
    rocket.get_by_role("button", name="Edit").click()
    expect(page.get_by_label(PROMPT)).to_have_value("rocket, 3d")
    expect(page.get_by_label("Steps, exactly")).to_have_value("150")


@pytest.mark.slow
def test_several_wait_in_line_and_say_so(visit: Visit, site: Site):
    page = visit()
    expect(page.get_by_role("button", name="Model Emoji")).to_be_visible()
    site.worker.send(signal.SIGSTOP)
    try:
        dog = ask(page, "dog face, 3d", steps=3)
        sun = ask(page, "sun, 3d")
        expect(dog.locator(".standing")).to_have_text(re.compile("^Next in line"))
        expect(sun.locator(".standing")).to_have_text(re.compile("^1 job before it"))
        httpx.post(f"{site.url}/api/v1/jobs/{jobs(site)[1]['id']}/cancel")
        expect(dog).to_have_attribute("data-status", "canceled")
        # No event tells of it: it is asked for now and then.
        expect(sun.locator(".standing")).to_have_text(re.compile("^Next in line"))
    finally:
        site.worker.send(signal.SIGCONT)
    done(sun)


def test_a_reload_in_the_middle_finds_the_job_and_its_end(visit: Visit):
    page = visit(PHONE)
    page.evaluate("localStorage.setItem('darkroom.draft', JSON.stringify({ steps: 50 }))")
    page.reload()
    page.get_by_label(PROMPT).fill("birthday cake, 3d")
    page.get_by_label(PROMPT).press("Enter")
    running(page, "birthday cake, 3d")
    page.reload()
    cake = card(page, "birthday cake, 3d")
    expect(cake).to_have_attribute("data-status", "running")
    expect(cake.get_by_role("progressbar")).to_be_visible()
    done(cake)


@pytest.mark.slow
def test_five_seconds_without_a_network_are_said_and_made_up_for(visit: Visit, site: Site):
    page = visit(noise=NETWORK)
    cat = ask(page, "cat face, 3d", steps=150)
    running(page, "cat face, 3d")
    gone = submit(site, prompt="leaf, flat", steps=1)
    done(card(page, "leaf, flat"))
    page.context.set_offline(True)
    expect(page.get_by_text(LOST)).to_be_visible()
    sent = ask(page, "red heart, 3d", steps=2)
    expect(sent.get_by_text("Waiting for the network. It goes out by itself.")).to_be_visible()
    httpx.delete(f"{site.url}/api/v1/jobs/{gone}")
    submit(site, prompt="moon, flat", steps=1)
    page.wait_for_timeout(4000)
    page.context.set_offline(False)
    expect(page.get_by_text(LOST)).to_have_count(0)
    done(sent)
    done(cat)
    # What other devices did meanwhile.
    done(card(page, "moon, flat"))
    expect(page.locator(".card", has_text="leaf, flat")).to_have_count(0)
    assert [job["input"]["prompt"] for job in jobs(site)].count("red heart, 3d") == 1


def test_what_was_sent_without_a_network_goes_out_from_the_next_visit(visit: Visit, site: Site):
    page = visit(noise=NETWORK)
    expect(page.get_by_role("button", name="Model Emoji")).to_be_visible()
    page.context.set_offline(True)
    waiting = ask(page, "blue heart, 3d", steps=2)
    expect(waiting.get_by_text("Waiting for the network.")).to_be_visible()
    page.close()
    page = page.context.new_page()
    page.context.set_offline(False)
    page.goto(site.url)
    done(card(page, "blue heart, 3d"))
    expect(page.get_by_label(PROMPT)).to_have_value("blue heart, 3d")


def test_a_part_of_the_page_that_is_not_to_be_had_comes_with_the_page_loaded_again(visit: Visit):
    page = visit(noise=NETWORK)
    page.get_by_label(PROMPT).fill("two red cats")
    page.route("**/assets/HistorySheet-*.js", lambda route: route.abort())
    page.get_by_role("button", name="What you asked for before").click()
    said = page.get_by_role("dialog").get_by_role("alert")
    expect(said).to_contain_text("This part of the page did not come.")
    expect(said).not_to_contain_text("by itself")
    page.unroute("**/assets/HistorySheet-*.js")
    said.get_by_role("button", name="Load the page again").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_label(PROMPT)).to_have_value("two red cats")
    page.get_by_role("button", name="What you asked for before").click()
    expect(page.get_by_role("dialog", name="What you asked for before")).to_be_visible()


def test_a_restart_of_the_server_is_said_and_nothing_is_missed(visit: Visit, site: Site):
    page = visit(noise=NETWORK)
    rocket = ask(page, "guitar, 3d", steps=60)
    running(page, "guitar, 3d")
    site.server.stop()
    expect(page.get_by_text(LOST)).to_be_visible()
    sun = ask(page, "sun, flat", steps=2)
    expect(sun.get_by_text("Waiting for the network.")).to_be_visible()
    # A part of the page that did not come yet says so where it would be, and comes when it can.
    page.get_by_role("button", name="What you asked for before").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    # It is asked for ever less often meanwhile, and at once when there is somebody to ask.
    page.wait_for_timeout(6500)
    site.server.start()
    expect(page.get_by_text(LOST)).to_have_count(0)
    before = page.get_by_role("dialog", name="What you asked for before")
    expect(before.get_by_role("button", name="guitar, 3d")).to_be_visible(timeout=2000)
    before.get_by_role("button", name="Close").click()
    done(sun)
    done(rocket)


def test_a_job_of_another_device_is_shown_live(visit: Visit, site: Site):
    page = visit(PHONE)
    expect(page.locator(".card").first).to_be_visible()
    submit(site, prompt="tree, 3d", steps=60)
    expect(card(page, "tree, 3d").locator(".preview")).to_have_attribute("src", re.compile("^data"))
    done(card(page, "tree, 3d"))


def test_only_the_latest_are_here_and_the_others_are_a_tap_away(visit: Visit, site: Site):
    for number in range(13):
        submit(site, prompt=f"key {number}, flat", steps=1)
    until(lambda: all(job["status"] == "succeeded" for job in jobs(site)[:13]))
    page = visit(PHONE)
    expect(page.locator(".card")).to_have_count(12)
    expect(page.get_by_role("link", name="All pictures")).to_have_attribute("href", "#/gallery")
