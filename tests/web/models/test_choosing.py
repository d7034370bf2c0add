"""Models, LoRAs and learned words are chosen in the form by their pictures."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.running.hand_worker import png
from tests.running.waiting import until
from tests.web.browser import PHONE, violations
from tests.web.conftest import Site, Visit
from tests.web.form import PROMPT, card, jobs


def settings(page: Page) -> None:
    page.get_by_role("button", name="Settings").tap()


def test_what_is_tapped_on_a_phone_is_what_the_picture_is_made_with(visit: Visit, site: Site):
    page = visit(PHONE)
    settings(page)
    page.get_by_role("button", name="Model Plain").tap()
    sheet = page.get_by_role("dialog", name="Model", exact=True)
    expect(sheet.get_by_role("button", name="Plain")).to_have_attribute("aria-pressed", "true")
    expect(sheet.get_by_role("button", name="Large")).to_contain_text(
        "Stable Diffusion XL · \u206616\u00a0\u00d7\u00a016\u2069"
    )
    assert violations(page) == []
    sheet.get_by_role("button", name="Other").tap()
    expect(sheet).to_have_count(0)
    # A sheet gives the focus back to what opened it.
    expect(page.get_by_role("button", name="Model Other")).to_be_focused()

    page.get_by_role("button", name="Add a style").tap()
    page.get_by_role("dialog", name="Add a style").get_by_role("button", name="Ink").tap()
    page.get_by_role("slider", name="Ink").fill("0.7")
    page.get_by_role("button", name="Add “ink style” to the prompt").tap()
    page.get_by_role("button", name="Avoid “bad-hands” in the picture").tap()
    page.get_by_label("Autoencoder (VAE)").select_option("clear")
    page.get_by_text("LoRAs by block", exact=True).tap()
    blocks = page.get_by_role("group", name="Ink", exact=True)
    blocks.get_by_role("slider", name="In the middle").fill("0.5")
    page.get_by_text("Like a picture", exact=True).tap()
    page.get_by_label("A picture from this device").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": png(32, 32)}
    )
    expect(page.get_by_role("img", name="The picture that it looks at")).to_be_visible()
    page.get_by_role("slider", name="More like it than your words").fill("0.8")
    assert violations(page) == []
    assert page.evaluate("document.querySelector('dialog').scrollWidth <= innerWidth")
    page.get_by_role("dialog").get_by_role("button", name="Close").tap()
    expect(page.get_by_label(PROMPT)).to_have_value("ink style")
    changed = page.get_by_label("Changed from the defaults")
    for each in ("Ink 0.7", "LoRAs by block: 1", "pictures to be like: 1"):
        expect(changed).to_contain_text(each)

    page.get_by_label(PROMPT).fill("a red apple, ink style")
    page.get_by_role("button", name="Make it").tap()
    expect(card(page, "a red apple, ink style")).to_have_attribute("data-status", "succeeded")
    asked = jobs(site)[0]["input"]
    assert (asked["model"], asked["negative_prompt"]) == ("other", "bad-hands")
    assert asked["vae"] == "clear"
    assert [(each["name"], each["weight"]) for each in asked["loras"]] == [("ink", 0.7)]
    assert asked["loras"][0]["block_weights"] == {"MID": 0.5}
    assert asked["reference_only"]["style_fidelity"] == 0.8
    # The picture says enough by itself.
    page.get_by_label(PROMPT).fill("")
    page.get_by_role("button", name="Make it").tap()
    until(lambda: jobs(site)[0]["input"]["prompt"] == "")


def test_only_what_fits_the_chosen_model_is_offered(visit: Visit):
    page = visit()
    page.get_by_role("button", name="Add a style").click()
    page.get_by_role("dialog", name="Add a style").get_by_role("button", name="Ink").click()
    expect(page.get_by_label("Changed from the defaults")).to_contain_text("Ink 1")
    page.get_by_role("button", name="Model Plain").click()
    page.get_by_role("dialog", name="Model").get_by_role("button", name="Large").click()
    expect(page.get_by_role("button", name="Model Large")).to_be_visible()
    expect(page.get_by_label("Changed from the defaults")).to_have_text("Large")
    expect(page.get_by_role("group", name="Styles (LoRA)")).to_have_count(0)
    expect(page.get_by_role("group", name="Learned words")).to_have_count(0)
