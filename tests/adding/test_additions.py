"""Models from elsewhere are shown, fetched, checked and offered, and make pictures."""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path

import httpx
import pytest
from PIL import Image
from safetensors.torch import save_file
from torch import zeros

from jobs.records import workers
from tests.adding.conftest import MODELS, Counter
from tests.adding.elsewhere import CIVITAI_TOKEN, HUB_TOKEN
from tests.running.hand_worker import png
from tests.running.processes.up import command
from tests.running.waiting import until
from tests.running.worker import WorkerProcess


def pixels(picture: bytes) -> bytes:
    return Image.open(io.BytesIO(picture)).tobytes()


def test_a_hub_id_is_shown_before_it_begins_and_makes_the_same_pictures(counter: Counter):
    looked = counter.look_up("https://huggingface.co/someone/tiny-pictures/tree/main")
    assert looked.status_code == 200, looked.text
    found = looked.json()
    assert (found["kind"], found["licence"], found["usable"]) == ("model", "openrail", True)
    assert found["bytes"] == sum(each["bytes"] for each in found["files"]) > 100_000
    assert found["free_bytes"] > found["bytes"]
    assert not [each for each in found["files"] if each["name"].endswith(".ckpt")]

    begun = counter.add("someone/tiny-pictures", title="Tiny pictures")
    told = counter.events(begun)
    assert [each["event"] for each in told][:2] == ["status", "status"]
    last = [each for each in told if each["event"] == "progress"][-1]["progress"]
    assert (last["fraction"], last["bytes"], last["total"]) == (1.0, found["bytes"], found["bytes"])
    assert told[-1]["event"] == "done"
    assert (told[-1]["status"], told[-1]["name"]) == ("succeeded", "tiny-pictures")
    assert counter.events(begun, last=told[2]["id"])[0]["id"] == told[3]["id"]
    ended = counter.http.get(begun["urls"]["events"], headers={"Last-Event-ID": told[-1]["id"]})
    assert ended.status_code == 204

    card = counter.models()["tiny-pictures"]
    assert (card["title"], card["licence"]) == ("Tiny pictures", "openrail")
    assert card["bytes"] > 100_000
    pictures = [pixels(counter.make(model=name)) for name in ("tiny-pictures", "first")]
    assert pictures[0] == pictures[1]
    assert {each.token for each in counter.elsewhere.storage} == {None}
    again = counter.http.post(f"{MODELS}/additions", json={"source": "someone/tiny-pictures"})
    assert again.status_code == 409, "something has this name"

    gone = counter.http.delete(f"{MODELS}/tiny-pictures")
    assert gone.json()["freed_bytes"] >= found["bytes"]
    assert "tiny-pictures" not in counter.models()
    assert not (counter.dropped / "tiny-pictures").exists()


def test_a_lora_of_civitai_comes_with_its_words_its_terms_and_its_picture(
    counter: Counter, files: Path
):
    there = counter.elsewhere
    there.files["shown.png"] = png(640, 480, "blue")
    data = (files / "lora.safetensors").read_bytes()
    images = [
        {"url": f"{there.storage_url}/files/never.png", "nsfwLevel": 8, "type": "image"},
        {"url": f"{there.storage_url}/files/shown.png", "nsfwLevel": 1, "type": "image"},
    ]
    there.civitai_model(41, "LORA", "Bright Days.safetensors", data, version={"images": images})

    looked = counter.look_up("https://civitai.com/models/41/bright-days?modelVersionId=410")
    assert looked.status_code == 200, looked.text
    found = looked.json()
    assert (found["kind"], found["name"], found["title"]) == (
        "lora",
        "bright-days",
        "Bright days v1",
    )
    assert found["licence"] == "Civitai: commercial use: Image; no credit needed"
    assert found["description"] == "Makes days bright & warm."
    assert found["triggers"] == ["sunny day", "bright"]
    assert found["files"][0]["sha256"] == hashlib.sha256(data).hexdigest()
    assert found["preview_url"].endswith("shown.png")

    counter.added("https://civitai.com/api/download/models/410")
    lora = counter.add_ons("loras")["bright-days"]
    assert (lora["title"], lora["triggers"]) == ("Bright days v1", ["sunny day", "bright"])
    assert lora["bytes"] == len(data)
    picture = counter.http.get(lora["preview_url"] + "&width=96&format=webp")
    assert picture.status_code == 200
    assert counter.make(loras=[{"name": "bright-days"}]) != counter.make()
    assert {each.token for each in there.storage} == {None}
    assert f"Bearer {CIVITAI_TOKEN}" in {each.token for each in there.api}
    secrets = counter.site.worker.log() + counter.site.server.log.read_text()
    assert CIVITAI_TOKEN not in secrets
    assert HUB_TOKEN not in secrets

    below = f"{MODELS}/add-ons/lora/bright-days"
    changed = counter.http.patch(below, json={"title": "Days", "triggers": ["noon"]})
    assert changed.status_code == 204, changed.text
    lora = counter.add_ons("loras")["bright-days"]
    assert (lora["title"], lora["triggers"]) == ("Days", ["noon"])
    counter.http.patch(below, json={"title": None, "triggers": None}).raise_for_status()
    assert counter.add_ons("loras")["bright-days"]["title"] == "Bright days v1"
    gone = counter.http.delete(below).json()
    assert gone == {"freed_bytes": len(data), "files": ["loras/bright-days.safetensors"]}
    assert "bright-days" not in counter.add_ons("loras")


@pytest.mark.fault
def test_what_a_killed_worker_was_fetching_goes_on_from_its_last_byte(
    counter: Counter, files: Path
):
    there = counter.elsewhere
    data = (files / "lora.safetensors").read_bytes()
    there.files["Held.safetensors"] = data
    there.held.add("Held.safetensors")
    begun = counter.add(there.link("Held.safetensors"), sha256=hashlib.sha256(data).hexdigest())
    until(lambda: list((counter.dropped / ".darkroom").rglob("*.part")))
    part = next((counter.dropped / ".darkroom").rglob("*.part"))
    until(lambda: part.stat().st_size >= len(data) // 2)
    assert "held" not in counter.add_ons("loras")
    twice = counter.http.post(
        f"{MODELS}/additions", json={"source": there.link("Held.safetensors")}
    )
    assert (twice.status_code, twice.json()["type"]) == (409, "urn:darkroom:name-taken")
    counter.site.worker.kill()
    there.held.clear()
    counter.site.worker.start()
    done = counter.ended_addition(begun)
    assert done["status"] == "succeeded", done["error"]
    assert (counter.dropped / "loras" / "held.safetensors").read_bytes() == data
    assert f"bytes={len(data) // 2}-" in {each.range for each in there.storage}
    until(lambda: "held" in counter.add_ons("loras"))
    assert not list((counter.dropped / ".darkroom" / "additions").iterdir())
    counter.http.delete(f"{MODELS}/add-ons/lora/held").raise_for_status()


def test_an_addition_is_canceled_and_resumed(counter: Counter, files: Path):
    there = counter.elsewhere
    data = there.files["slow.safetensors"] = (files / "lora.safetensors").read_bytes()
    there.held.add("slow.safetensors")
    begun = counter.add(there.link("slow.safetensors"), name="slow-one", kind="lora")
    until(lambda: counter.addition(begun)["status"] == "running")
    canceled = counter.http.post(begun["urls"]["cancel"]).json()
    assert (canceled["status"], canceled["error"]) == ("canceled", None)
    there.held.clear()
    there.gate.set()
    resumed = counter.http.post(begun["urls"]["resume"])
    assert (resumed.status_code, resumed.json()["status"]) == (202, "queued")
    assert counter.ended_addition(begun)["status"] == "succeeded"
    there.gate.clear()
    assert counter.add_ons("loras")["slow-one"]["bytes"] == len(data)
    assert counter.http.post(begun["urls"]["resume"]).status_code == 409
    listed = counter.http.get(f"{MODELS}/additions").json()["additions"]
    assert listed[0]["id"] == begun["id"]
    counter.http.delete(f"{MODELS}/add-ons/lora/slow-one").raise_for_status()


@pytest.mark.slow
def test_another_worker_of_the_machine_goes_on_where_a_killed_one_stopped(
    counter: Counter, files: Path
):
    there = counter.elsewhere
    data = there.files["taken-over.safetensors"] = (files / "lora.safetensors").read_bytes()
    site = counter.site
    second = WorkerProcess(site.redis, site.redis_url, site.data, **counter.settings)
    try:
        there.held.add("taken-over.safetensors")
        begun = counter.add(there.link("taken-over.safetensors"))
        staging = counter.dropped / ".darkroom" / "additions" / begun["id"]
        until(lambda: list(staging.rglob("*.part")))
        there.held.clear()
        site.worker.kill()
        assert counter.ended_addition(begun)["status"] == "succeeded"
        assert f"bytes={len(data) // 2}-" in {each.range for each in there.storage}
        counter.http.delete(f"{MODELS}/add-ons/lora/taken-over").raise_for_status()
    finally:
        second.close()
        site.worker.start()


def test_what_cannot_be_added_is_refused_with_the_true_reason(counter: Counter, tmp_path: Path):
    there = counter.elsewhere
    there.files["model.ckpt"] = b"PK\x03\x04" + bytes(100)
    there.files["lies.safetensors"] = b"PK\x03\x04" + bytes(100)
    flux = tmp_path / "flux.safetensors"
    save_file({"double_blocks.0.img_attn.qkv.weight": zeros(2, 2)}, flux)
    there.files["flux.safetensors"] = flux.read_bytes()
    there.redirects["/files/inside.safetensors"] = "http://127.0.0.2:9/secret"
    there.redirects["/files/metadata.safetensors"] = "http://169.254.169.254/latest"
    for source, reason in (
        (there.link("model.ckpt"), "pickle"),
        (there.link("lies.safetensors"), "pickle"),
        (there.link("nothing.safetensors"), "no such file"),
        (there.link("inside.safetensors"), "not on the public internet"),
        (there.link("metadata.safetensors"), "not on the public internet"),
        ("https://127.0.0.2/a.safetensors", "DOWNLOAD_ALLOW"),
        ("http://93.184.216.34/a.safetensors", "https://"),
        ("file:///etc/passwd", "https://"),
        ("someone/nothing", "the hub has no someone/nothing"),
        ("someone/tiny-pictures@v9", "no revision"),
        ("someone/tiny-pictures/old.ckpt", "no .safetensors"),
        ("https://civitai.com/models/99", "no such file"),
        ("https://civitai.com/user/somebody", "no page of a model"),
        ("upload:../../x", "no upload"),
        ("nonsense", "neither a hub id"),
    ):
        answer = counter.look_up(source)
        assert answer.status_code == 422, (source, answer.text)
        assert reason in answer.json()["detail"], (source, answer.json()["detail"])
    found = counter.look_up(there.link("flux.safetensors")).json()
    assert (found["usable"], found["reason"]) == (False, "a Flux transformer")
    refused = counter.http.post(
        f"{MODELS}/additions", json={"source": there.link("flux.safetensors")}
    )
    assert refused.status_code == 422
    assert "127.0.0.2" not in {each.path for each in there.storage}


def test_what_does_not_fit_on_the_disk_is_not_begun(counter: Counter, tmp_path: Path):
    there = counter.elsewhere
    free = shutil.disk_usage(counter.dropped).free
    header = b'{"emb_params":{"dtype":"F32","shape":[%d,1],"data_offsets":[0,%d]}}'
    numbers = free // 4 + 1000
    head = header % (numbers, 4 * numbers)
    there.files["huge.safetensors"] = len(head).to_bytes(8, "little") + head
    there.lengths["huge.safetensors"] = 8 + len(head) + 4 * numbers
    found = counter.look_up(there.link("huge.safetensors")).json()
    assert not found["usable"]
    assert "free on the disk" in found["reason"]
    answer = counter.http.post(
        f"{MODELS}/additions", json={"source": there.link("huge.safetensors")}
    )
    assert (answer.status_code, "free on the disk" in answer.text) == (422, True)
    too_long = {"Upload-Length": str(free * 2)}
    assert counter.http.post(f"{MODELS}/uploads", headers=too_long).status_code == 413


def test_hub_and_civitai_are_searched(counter: Counter, files: Path):
    there = counter.elsewhere
    data = (files / "lora.safetensors").read_bytes()
    there.files["found.png"] = png(900, 600, "green")
    there.files["none.png"] = b"no picture"
    images = [{"url": there.link("found.png"), "nsfwLevel": 1, "type": "image"}]
    there.civitai_model(
        77, "LoCon", "found.safetensors", data, name="Findable", version={"images": images}
    )
    asked = {"q": "tiny", "where": "hub"}
    page = counter.http.get(f"{MODELS}/search", params=asked).json()
    assert [each["source"] for each in page["results"]] == ["someone/tiny-pictures"]
    assert (page["results"][0]["licence"], page["results"][0]["kind"]) == ("openrail", "model")
    more = counter.http.get(f"{MODELS}/search", params=asked | {"cursor": page["next"]}).json()
    assert [each["source"] for each in more["results"]] == ["someone/tiny-lora"]
    assert (more["results"][0]["family"], more["next"]) == ("sd1", None)
    asked = {"q": "findable", "where": "civitai", "kind": "lora"}
    page = counter.http.get(f"{MODELS}/search", params=asked).json()
    [found] = page["results"]
    assert (found["title"], found["kind"], found["family"]) == ("Findable v1", "lora", "sd1")
    assert (found["downloads"], found["bytes"], page["next"]) == (12, len(data), "17|2")
    assert counter.look_up(found["source"]).json()["name"] == "found"

    def picture(url: str) -> httpx.Response:
        return counter.http.post(f"{MODELS}/search/pictures", json={"url": url})

    shown = picture(found["preview_url"])
    assert shown.headers["Content-Type"] == "image/webp"
    assert Image.open(io.BytesIO(shown.content)).size == (320, 213)
    for wrong, why in (
        (there.link("none.png"), "picture"),
        ("http://192.168.7.7/a.png", "public"),
        ("file:///etc/passwd", "http"),
    ):
        assert (picture(wrong).status_code, why in picture(wrong).text) == (422, True)


def test_words_and_defaults_of_a_model_change_and_go_back(counter: Counter):
    url = f"{MODELS}/first"
    before = counter.models()["first"]
    changed = {"title": "Number one", "steps": 3, "sampler": "euler", "width": 64}
    answer = counter.http.patch(url, json=changed)
    assert answer.status_code == 204, answer.text
    card = counter.models()["first"]
    assert {key: card[key] for key in changed} == changed
    assert counter.job(counter.submit(steps=None))["input"]["steps"] == 3
    for wrong, field in (({"width": 65}, "width"), ({"sampler": "magic"}, "sampler")):
        answer = counter.http.patch(url, json=wrong)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == f"/{field}"
    counter.site.worker.kill()
    counter.site.worker.start()
    assert counter.models()["first"]["title"] == "Number one", "it lasts"
    assert counter.http.patch(url, json=dict.fromkeys(changed)).status_code == 204
    card = counter.models()["first"]
    assert {key: card[key] for key in changed} == {key: before[key] for key in changed}
    assert counter.http.patch(f"{MODELS}/nothing", json={}).status_code == 404


def test_only_what_is_darkrooms_own_is_deleted(counter: Counter):
    default = counter.http.delete(f"{MODELS}/first")
    assert (default.status_code, "default" in default.json()["detail"]) == (409, True)
    counter.toml.write_text('[models.first]\nsource = "tiny"\n[models.theirs]\nsource = "tiny"\n')
    until(lambda: "theirs" in counter.models())
    theirs = counter.http.delete(f"{MODELS}/theirs")
    assert (theirs.status_code, "does not lie in" in theirs.json()["detail"]) == (409, True)
    assert counter.http.patch(f"{MODELS}/theirs", json={"default": True}).status_code == 204
    assert next(iter(counter.models())) == "theirs"
    assert 'default = "theirs"' in counter.toml.read_text()
    counter.toml.write_text('[models.first]\nsource = "tiny"\n')
    until(lambda: list(counter.models()) == ["first"])
    assert (counter.home / "tiny" / "model_index.json").exists()


def test_a_preview_is_set_shown_smaller_and_taken_away(counter: Counter):
    url = f"{MODELS}/first/preview"
    assert counter.http.get(url).status_code == 404
    picture = {"Content-Type": "image/png"}
    assert counter.http.put(url, content=png(900, 600), headers=picture).status_code == 204
    shown = counter.http.get(url, params={"width": 96})
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/webp")
    tag = {"If-None-Match": shown.headers["ETag"]}
    assert counter.http.get(url, params={"width": 96}, headers=tag).status_code == 304
    assert counter.http.get(counter.models()["first"]["preview_url"]).status_code == 200
    assert counter.http.put(url, content=b"GIF", headers=picture).status_code == 422
    assert counter.http.delete(url).status_code == 204
    assert counter.models()["first"]["preview_url"] is None


def test_one_worker_of_a_machine_does_the_errands(counter: Counter):
    [worker] = workers.live(counter.redis)
    assert worker.place == (counter.dropped / ".darkroom" / "place").read_text()
    assert worker.free_bytes
    assert worker.free_bytes > 0


@pytest.mark.slow
def test_commands_and_the_api_end_in_the_same_catalogue(counter: Counter, files: Path):
    there = counter.elsewhere
    there.files["by-hand.safetensors"] = (files / "lora.safetensors").read_bytes()
    chosen = {"DATA": counter.home / "data", "MODELS": counter.toml, "DOWNLOAD_ALLOW": "127.0.0.1"}
    environment = {name: str(value) for name, value in chosen.items()}
    added = command("models", "add", there.link("by-hand.safetensors"), **environment)
    assert "Added as lora by-hand" in added.stdout, added.stderr
    until(lambda: "by-hand" in counter.add_ons("loras"))
    url = f"{MODELS}/add-ons/lora/by-hand"
    counter.http.patch(url, json={"title": "By hand"}).raise_for_status()
    assert counter.add_ons("loras")["by-hand"]["title"] == "By hand"
    kept = command("models", "remove", "by-hand", **environment)
    assert "--files" in kept.stderr
    assert command("models", "remove", "by-hand", "--files", **environment).returncode == 0
    until(lambda: "by-hand" not in counter.add_ons("loras"))
    assert counter.http.patch(url, json={"title": "Gone"}).status_code == 404


@pytest.mark.parametrize("fields", [{"source": ""}, {"source": "a/b", "name": "../x"}])
def test_a_name_that_none_may_have_is_refused(counter: Counter, fields: dict[str, str]):
    assert counter.http.post(f"{MODELS}/additions", json=fields).status_code == 422
