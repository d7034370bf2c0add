"""The page changes pictures by words, with as many as the model takes."""

from __future__ import annotations

import json
from typing import Any

import httpx
from playwright.sync_api import expect

from tests.edits.asking import PROMPT, png
from tests.running.paths import API
from tests.running.site import Site
from tests.running.waiting import until
from tests.web.browser import PHONE, chromium
from tests.worker.test_kinds import dyed, scene

DRAFT = {"model": "qwen-edit-plus", "steps": 2}


def newest(client: httpx.Client) -> dict[str, Any]:
    """The last job that was asked for."""
    return next(iter(client.get(f"{API}/jobs").json()["jobs"]), {})


def test_a_picture_is_changed_by_words_and_another_is_added(site: Site, client: httpx.Client):
    before = newest(client).get("id")
    with chromium() as browser:
        context = browser.new_context(viewport=PHONE, locale="en-US", has_touch=True)
        page = context.new_page()
        page.goto(f"{site.url}/")
        page.evaluate(f"localStorage.setItem('darkroom.draft', {json.dumps(json.dumps(DRAFT))})")
        page.reload()
        file = {"name": "a.png", "mimeType": "image/png", "buffer": png(scene(48, 32))}
        page.get_by_label("Start from a picture").last.set_input_files(file)
        expect(page.get_by_role("radio", name="Change by words")).to_be_checked()
        expect(page.get_by_label("What should change?")).to_be_visible()
        expect(page.get_by_label("Change it")).to_have_count(0)
        other = file | {"name": "b.png", "buffer": png(dyed(32, 32))}
        page.get_by_label("Add another picture").last.set_input_files(other)
        expect(page.get_by_alt_text("Picture 2")).to_be_visible()
        page.get_by_role("button", name="Make it").click()
        expect(page.get_by_text("Say what should change.")).to_be_visible()
        page.get_by_label("What should change?").fill(PROMPT)
        page.get_by_role("button", name="Make it").click()
        until(lambda: newest(client).get("id") != before)
        asked = newest(client)["input"]
        assert (asked["model"], len(asked["references"])) == ("qwen-edit-plus", 1)
        context.close()
