"""A picture that is dropped on the page brings its recipe along."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Page, expect

from jobs.pictures.image_store import image_id
from tests.web.conftest import Visit
from tests.web.gallery.looking import gallery
from tests.web.gallery.wall import Wall

pytestmark = pytest.mark.timeout(180)


def drop(page: Page, data: bytes, name: str = "a.png", type: str = "image/png") -> None:
    """Lets go of a file over the page."""
    page.evaluate(
        """([data, name, type]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(data)], name, { type }));
          for (const kind of ['dragover', 'drop']) {
            const given = { dataTransfer: transfer, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent(kind, given));
          }
        }""",
        [list(data), name, type],
    )


def draft(page: Page) -> Any:
    return json.loads(page.evaluate("localStorage.getItem('darkroom.draft')"))


def carrying(text: str) -> bytes:
    info = PngInfo()
    info.add_text("parameters", text)
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, "PNG", pnginfo=info)
    return file.getvalue()


@pytest.mark.slow
def test_a_dropped_picture_fills_the_form_with_its_recipe(visit: Visit, site: Wall):
    job_id = site.make("dropped", seed=81, steps=13, negative_prompt="blur")
    picture = site.worker.store.read(image_id(job_id, 0))
    page = gallery(visit)
    drop(page, picture)
    expect(page.get_by_text("The form has the recipe of this picture.")).to_be_visible()
    assert page.url.endswith("#/make")
    wanted = {"prompt": "dropped", "negative": "blur", "seed": 81, "steps": 13, "model": "small"}
    assert draft(page).items() >= wanted.items()


def test_a_dropped_picture_of_another_program_fills_what_it_can(visit: Visit, site: Wall):
    page = gallery(visit)
    settings = "Steps: 21, Sampler: DDIM, CFG scale: 6, Seed: 5, Size: 64x64, Model: sdxl"
    drop(page, carrying(f"a cat\nNegative prompt: dog\n{settings}, Denoising strength: 0.5"))
    toast = page.get_by_text("The form has the recipe of this picture.")
    expect(toast).to_contain_text("It started from another picture")
    expect(toast).to_contain_text("Its model is not here.")
    wanted = {"prompt": "a cat", "negative": "dog", "steps": 21, "seed": 5, "model": None}
    assert draft(page).items() >= wanted.items()


def test_a_dropped_picture_without_a_recipe_is_the_one_to_start_from(visit: Visit, site: Wall):
    page = gallery(visit, noise="422")
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "olive").save(file, "JPEG")
    drop(page, file.getvalue(), "photo.jpg", "image/jpeg")
    expect(page.get_by_text("This picture carries no recipe.")).to_be_visible()
    assert page.url.endswith("#/make")


def test_what_the_form_has_no_field_for_stands_beside_the_button_and_can_be_left_out(
    visit: Visit, site: Wall
):
    page = gallery(visit)
    settings = "Steps: 21, Sampler: DDIM, CFG scale: 6, Seed: 5, Size: 64x64, CFG rescale: 0.5"
    drop(page, carrying(f"a cat\n{settings}, Hires upscale: 2, Hires steps: 3"))
    beside = page.get_by_role("list", name="Also asked for").get_by_role("button")
    expect(beside).to_have_text(["guidance_rescale 0.5", "hires steps 3"])
    page.get_by_role("button", name="Leave out guidance_rescale 0.5").click()
    expect(beside).to_have_text(["hires steps 3"])
    assert draft(page)["beside"] == {"hires": {"steps": 3}}
