"""Models are added, changed and removed while the server runs, and nothing that runs notices."""

from __future__ import annotations

import shutil

import pytest

from jobs.records import workers
from tests.catalogue.conftest import ENDLESS, LONG, Shop, other_weights
from tests.running.paths import API
from tests.running.waiting import until
from tests.tiny.classifier import save_tiny_classifier
from tests.tiny.parts import save_tiny_embedding, save_tiny_lora

BOTH = """
default = "second"
[models.first]
source = "tiny"
[models.second]
source = "tiny"
title = "Another"
steps = 3
"""


def test_a_model_that_is_added_is_offered_everywhere_and_makes_pictures(shop: Shop):
    shop.write(BOTH)
    until(lambda: set(shop.models()) == {"first", "second"})
    assert list(shop.models()) == ["second", "first"], "the default one comes first"
    assert (shop.models()["second"]["title"], shop.models()["second"]["steps"]) == ("Another", 3)
    assert {each["id"] for each in shop.http.get("/v1/models").json()["data"]} == set(shop.models())
    titles = [each["model_name"] for each in shop.http.get("/sdapi/v1/sd-models").json()]
    assert titles == ["second", "first"]
    assert shop.make(model="second") == shop.make(model="second")


@pytest.mark.slow
def test_a_client_of_a1111_that_refreshes_is_shown_what_is_there(shop: Shop):
    shop.write(BOTH)
    assert shop.http.post("/sdapi/v1/refresh-checkpoints").status_code == 200
    names = [each["model_name"] for each in shop.http.get("/sdapi/v1/sd-models").json()]
    assert names == ["second", "first"]
    save_tiny_lora(shop.dropped / "loras" / "bright.safetensors", shop.home / "tiny")
    assert shop.http.post("/sdapi/v1/refresh-loras").status_code == 200
    assert [each["name"] for each in shop.http.get("/sdapi/v1/loras").json()] == ["bright"]


def test_a_file_that_is_dropped_is_offered_once_it_is_whole(shop: Shop):
    whole = save_tiny_lora(shop.home / "whole.safetensors", shop.home / "tiny").read_bytes()
    file = shop.dropped / "loras" / "bright.safetensors"
    file.parent.mkdir(parents=True)
    plain = shop.make()
    with file.open("wb") as copied:
        copied.write(whole[: len(whole) // 2])
        copied.flush()
        until(lambda: "cut off" in " ".join(workers.live(shop.redis)[0].problems))
        assert shop.models()["first"]["loras"] == []
        copied.write(whole[len(whole) // 2 :])
    until(lambda: shop.models()["first"]["loras"])
    assert shop.models()["first"]["loras"][0]["name"] == "bright"
    assert workers.live(shop.redis)[0].problems == []
    bright = shop.make(loras=[{"name": "bright"}])
    assert bright != plain
    save_tiny_lora(file, shop.home / "tiny", seed=1)
    until(lambda: shop.make(loras=[{"name": "bright"}]) not in (plain, bright))


@pytest.mark.slow
def test_who_waits_for_a_removed_model_is_told_and_what_runs_goes_on(shop: Shop):
    shop.write(BOTH)
    until(lambda: "second" in shop.models())
    runs = shop.submit(model="second", **ENDLESS)
    shop.begun(runs)
    waits = [shop.submit(model="second") for _ in range(2)]
    shop.write('[models.first]\nsource = "tiny"\n')
    for each in waits:
        job = shop.ended(each)
        assert (job["status"], job["attempts"]) == ("failed", 0)
        assert job["error"] == {
            "code": "no_longer_offered",
            "detail": "The model 'second' was removed from this server while the job waited for"
            " it.",
        }
    shop.begun(runs, shop.begun(runs) + 2)
    refused = shop.http.post(f"{API}/jobs", json={"prompt": "a", "model": "second"})
    assert refused.status_code == 422
    shop.cancel(runs)
    until(lambda: workers.live(shop.redis)[0].warm in ([], ["first"]))
    assert shop.make()


@pytest.mark.slow
def test_what_is_said_of_safety_counts_while_the_worker_runs(shop: Shop):
    save_tiny_classifier(shop.home / "classifier")
    one = '[models.first]\nsource = "tiny"\n'
    table = '[safety]\nlabels = ["nsfw"]\nthreshold = 0.0\naction = "refuse"\nsource = '
    assert shop.ended(shop.submit())["status"] == "succeeded"
    shop.write(f'{one}{table}"classifier"\n')
    until(lambda: shop.ended(shop.submit())["status"] == "failed")
    assert shop.ended(shop.submit())["error"]["code"] == "refused"
    shop.write(f'{one}{table}"nothing"\n')
    until(lambda: "checked as before" in " ".join(workers.live(shop.redis)[0].problems))
    assert shop.ended(shop.submit())["error"]["code"] == "refused"
    shop.write(one)
    until(lambda: shop.ended(shop.submit())["status"] == "succeeded")


@pytest.mark.slow
def test_pictures_of_a_removed_model_are_finished(shop: Shop):
    shop.write(BOTH)
    until(lambda: "second" in shop.models())
    expected = shop.make(model="second", **LONG)
    runs = shop.submit(model="second", **LONG)
    shop.begun(runs)
    shop.write('[models.first]\nsource = "tiny"\n')
    assert shop.pixels(runs) == expected


@pytest.mark.slow
def test_a_picture_under_way_ends_with_the_weights_that_it_began_with(shop: Shop):
    shutil.copytree(shop.home / "tiny", shop.home / "changing", dirs_exist_ok=True)
    shop.write('[models.first]\nsource = "tiny"\n[models.changing]\nsource = "changing"\n')
    until(lambda: (there := shop.models().get("changing")) and there["sha256"])
    old_hash = shop.models()["changing"]["sha256"]
    before, old = shop.make(model="changing", **LONG), shop.make(model="changing")
    runs = shop.submit(model="changing", **LONG)
    shop.begun(runs)
    other_weights(shop.home / "changing")
    until(lambda: shop.models()["changing"]["sha256"] not in (None, old_hash))
    new = shop.make(model="changing")
    assert shop.pixels(runs) == before, "the picture, and the hash of its recipe, are the old ones"
    assert new not in (old, before)
    assert new == shop.make(model="changing")


def test_a_word_that_is_learned_counts_in_the_next_prompt_and_not_when_it_is_gone(shop: Shop):
    ask = {"prompt": "a sunnyword"}
    plain = shop.make(**ask)
    file = save_tiny_embedding(shop.dropped / "embeddings" / "sunnyword.safetensors")
    until(lambda: shop.models()["first"]["embeddings"])
    learned = shop.make(**ask)
    assert learned != plain
    file.unlink()
    until(lambda: not shop.models()["first"]["embeddings"])
    assert shop.make(**ask) == plain


def test_a_broken_models_toml_changes_nothing_and_the_reason_is_known(shop: Shop):
    shop.write("[models.first\n")
    until(lambda: "is not TOML" in " ".join(workers.live(shop.redis)[0].problems))
    assert list(shop.models()) == ["first"]
    assert shop.make()
    shop.write(BOTH)
    until(lambda: set(shop.models()) == {"first", "second"})
    assert workers.live(shop.redis)[0].problems == []


@pytest.mark.slow
def test_a_lora_that_is_removed_while_a_job_waits_is_its_reason_to_fail(shop: Shop):
    file = save_tiny_lora(shop.dropped / "loras" / "bright.safetensors", shop.home / "tiny")
    until(lambda: shop.models()["first"]["loras"])
    runs = shop.submit(**ENDLESS, loras=[{"name": "bright"}])
    shop.begun(runs)
    waits = shop.submit(loras=[{"name": "bright"}])
    file.unlink()
    until(lambda: not shop.models()["first"]["loras"])
    shop.begun(runs, shop.begun(runs) + 2)
    shop.cancel(runs)
    assert shop.ended(waits)["error"] == {
        "code": "no_longer_offered",
        "detail": "loras: the LoRA 'bright' was removed from this server.",
    }


def test_models_are_loaded_pinned_and_taken_off_a_worker_while_it_runs(shop: Shop):
    shop.write(BOTH)
    until(lambda: "second" in shop.models())
    worker = shop.models()["second"]["workers"][0]["name"]

    def state(model: str) -> str:
        return shop.models()[model]["state"]

    def ask(method: str, model: str, what: str, status: int) -> None:
        answer = shop.http.request(method, f"{API}/models/{model}/{what}")
        assert answer.status_code == status, answer.text

    ask("POST", "first", "unload", 200)
    until(lambda: state("first") == "cold")
    ask("POST", "first", "load", 200)
    until(lambda: state("first") == "warm")
    ask("POST", "second", "unload", 200)
    until(lambda: state("second") == "cold")
    ask("PUT", "second", "pin", 204)
    until(lambda: state("second") == "warm")
    assert shop.models()["second"]["pinned"]
    ask("POST", "second", "unload", 409)
    ask("DELETE", "second", "pin", 204)
    ask("POST", "second", "unload", 200)
    until(lambda: state("second") == "cold")
    ask("DELETE", "second", f"workers/{worker}", 204)
    until(lambda: "second" not in shop.models())
    listed = shop.http.get(f"{API}/models").json()
    assert listed["left_alone"] == [{"model": "second", "worker": worker}]
    assert shop.make(), "there is a default model all the same"
    ask("PUT", "second", f"workers/{worker}", 204)
    until(lambda: "second" in shop.models())
    ask("POST", "nothing", "load", 404)
    ask("DELETE", "first", "workers/nobody", 404)
