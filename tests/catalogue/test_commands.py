"""What the owner says by `darkroom models` ends in the catalogue of the running server."""

from __future__ import annotations

import shutil
import signal

import pytest
from safetensors.torch import load_file, save_file

from jobs.records.catalogues import REMOVED
from tests.catalogue.conftest import Shop
from tests.running.waiting import until
from tests.tiny.parts import save_tiny_controlnet

FIRST = '[models.first]\nsource = "tiny"\n'


@pytest.mark.slow
def test_commands_change_what_a_running_server_offers(shop: Shop):
    said = shop.command("add", str(shop.home / "tiny"), "--name", "third", "--steps", "2")
    assert "within a few seconds" in said
    until(lambda: shop.models().get("third", {}).get("steps") == 2)
    assert shop.make(model="third")
    shop.command("default", "third")
    until(lambda: next(iter(shop.models())) == "third")
    shop.command("off", "third")
    until(lambda: list(shop.models()) == ["first"])
    shop.command("on", "third")
    until(lambda: "third" in shop.models())
    shop.command("remove", "third", "--default", "first")
    until(lambda: list(shop.models()) == ["first"])
    assert shop.models()["first"]["default"]


@pytest.mark.slow
def test_a_model_that_is_removed_while_no_worker_runs_is_missed_when_one_starts(shop: Shop):
    shop.write(FIRST + '[models.second]\nsource = "tiny"\n')
    until(lambda: "second" in shop.models())
    shop.site.worker.send(signal.SIGTERM)
    shop.site.worker.wait()
    waits, other = shop.submit(model="second"), shop.submit(model="first")
    shop.write(FIRST)
    shop.site.worker.start()
    assert shop.ended(waits)["error"]["code"] == "no_longer_offered"
    assert shop.ended(other)["status"] == "succeeded"


@pytest.mark.slow
def test_a_model_whose_file_is_away_is_not_removed(shop: Shop):
    shutil.copytree(shop.home / "tiny", shop.home / "away", dirs_exist_ok=True)
    shop.write(FIRST + '[models.second]\nsource = "away"\n')
    until(lambda: "second" in shop.models())
    (shop.home / "away").rename(shop.home / "elsewhere")
    until(lambda: "second" not in shop.models())
    assert not shop.site.redis.hexists(REMOVED, "second")
    (shop.home / "elsewhere").rename(shop.home / "away")
    until(lambda: "second" in shop.models())
    assert shop.make(model="second")


@pytest.mark.slow
@pytest.mark.parametrize("section", ["controlnets", "upscalers"])
def test_other_files_are_offered_where_they_are_dropped(shop: Shop, section: str):
    if section == "controlnets":
        save_tiny_controlnet(shop.dropped / "controlnets" / "edges", shop.home / "tiny")
    else:
        # The first layers of an ESRGAN: which networks they are is for its loader to say.
        some = load_file(shop.home / "tiny" / "vae" / "diffusion_pytorch_model.safetensors")
        file = shop.dropped / "upscalers" / "edges.safetensors"
        file.parent.mkdir(parents=True)
        save_file({"conv_first.weight": next(iter(some.values()))}, file)
    until(lambda: [each["name"] for each in shop.models()["first"][section]] == ["edges"])
    shutil.rmtree(shop.dropped / section)
    until(lambda: not shop.models()["first"][section])
