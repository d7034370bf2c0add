"""Choices and wildcards by HTTP: each picture has words of its own, and its recipe has them."""

from __future__ import annotations

import io
import json
import shutil

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.running.paths import API
from tests.running.site import Site
from tests.worker.families.comparing.asking import Fields, ended, made, pixels

USUAL = {"model": "sd1", "width": 16, "height": 16, "steps": 2, "seed": 4, "sampler": "ddim"}

TEMPLATE = "{red|green|blue} {2$$ and $$cat|dog|bird}, __place__"


@pytest.fixture(autouse=True)
def wildcards(site: Site) -> None:
    folder = site.data / "wildcards"
    (folder / "far").mkdir(parents=True, exist_ok=True)
    (folder / "place.txt").write_text("# where\na {wide|dark} room\n\non the moon\n")
    (folder / "far" / "star.txt").write_text("a star\n")


def recipe(client: httpx.Client, output: Fields) -> tuple[bytes, dict[str, str]]:
    data = client.get(output["url"]).content
    return data, Image.open(io.BytesIO(data)).text


def test_each_picture_has_its_own_words_and_makes_itself_again(client: httpx.Client):
    job = made(client, **USUAL, prompt=TEMPLATE, negative_prompt="{dull|grey}", count=6)
    done = ended(client, job)
    said = done["input"]["wordings"]
    assert done["input"]["prompt"] == TEMPLATE
    assert len({each["prompt"] for each in said}) > 1
    for index, (output, words) in enumerate(zip(done["outputs"], said, strict=True)):
        assert "{" not in words["prompt"]
        assert "__" not in words["prompt"]
        data, texts = recipe(client, output)
        assert texts["parameters"].startswith(words["prompt"] + "\nNegative prompt: ")
        assert "Template: " in texts["parameters"]
        record = json.loads(texts["darkroom"])
        assert record["request"]["prompt"] == words["prompt"]
        assert record["template"] == {"prompt": TEMPLATE, "negative_prompt": "{dull|grey}"}
        if index in (0, 5):
            plain = made(client, **USUAL | {"seed": 4 + index}, **words)
            made_plain = client.get(ended(client, plain)["outputs"][0]["url"]).content
            assert np.array_equal(pixels(data), pixels(made_plain))
            sent = client.post(f"{API}/jobs", content=data, headers={"Content-Type": "image/png"})
            assert sent.json()["input"]["prompt"] == words["prompt"]
    # Picture 4 of the job is picture 1 of one that begins with its seed.
    later = made(client, **USUAL | {"seed": 7}, prompt=TEMPLATE, negative_prompt="{dull|grey}")
    assert client.get(later).json()["input"]["wordings"] == [said[3]]


def test_the_lists_are_listed_and_shown(client: httpx.Client):
    assert client.get(f"{API}/wildcards").json() == {
        "wildcards": [{"name": "far/star"}, {"name": "place"}]
    }
    shown = client.get(f"{API}/wildcards/place").json()
    assert shown == {"name": "place", "count": 2, "values": ["a {wide|dark} room", "on the moon"]}
    assert client.get(f"{API}/wildcards/nowhere").status_code == 404


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"prompt": "a __creature__"}, "/prompt", "wildcards/creature.txt"),
        ({"negative_prompt": "__creature__"}, "/negative_prompt", "wildcards/creature.txt"),
        ({"prompt": "${x=a} b"}, "/prompt", "variable"),
        ({"prompt": "{<lora:oil:1>|<lora:oil:2>} a"}, "/prompt", "no LoRA"),
        ({"prompt": "a <hypernet:ink:1>"}, "/prompt", "not done here"),
        ({"prompt": "{@red|green} a"}, "/prompt", "`{@red` has a parameter"),
        ({"prompt": "__!place__"}, "/prompt", "`__!place__` has a parameter"),
        ({"prompt": "{two$$red|green} a"}, "/prompt", "`two$$` with no number"),
        ({"prompt": "{often::red|green} a"}, "/prompt", "`often::` with no number"),
        ({"hires": {"negative_prompt": "{a|b}"}}, "/hires/negative_prompt", "in /prompt alone"),
        ({"hires": {"negative_prompt": "<lora:ink:1>"}}, "/hires/negative_prompt", "/loras"),
    ],
)
def test_what_cannot_be_picked_is_refused_by_its_name(
    client: httpx.Client, fields: Fields, pointer: str, said: str
):
    answer = client.post(f"{API}/jobs", json={**USUAL, "prompt": "a", **fields})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert said in answer.json()["errors"][0]["detail"]


def test_a_prompt_that_is_taken_as_it_is_written_has_nothing_picked(client: httpx.Client):
    job = made(client, **USUAL, prompt="a __creature__ {a|b}", as_written=True)
    assert client.get(job).json()["input"]["prompt"] == "a __creature__ {a|b}"
    assert "wordings" not in client.get(job).json()["input"]


def test_lists_have_names_of_several_words_and_an_empty_one_is_no_loss_to_others(
    client: httpx.Client, site: Site
):
    folder = site.data / "wildcards" / "hair style"
    folder.mkdir(exist_ok=True)
    (folder / "long ones.txt").write_text("a braid\n")
    (folder / "to do.txt").write_text("# nothing yet\n")
    for template in ("__hair style/long ones__", "__hair style/*__"):
        job = made(client, **USUAL, prompt=f"a cat, {template}")
        assert client.get(job).json()["input"]["wordings"][0]["prompt"] == "a cat, a braid"
    answer = client.post(f"{API}/jobs", json={**USUAL, "prompt": "__hair style/to*__"})
    assert "wildcards/hair style/to*.txt has no values" in answer.text
    shutil.rmtree(folder)


def test_what_a_job_picked_is_sent_back_and_makes_the_same_whatever_became_of_the_files(
    client: httpx.Client, site: Site
):
    first = ended(client, made(client, **USUAL, prompt="__place__ {a|b}", count=3))
    path = site.data / "wildcards" / "place.txt"
    again = client.post(f"{API}/jobs", json=first["input"])
    assert again.status_code == 202, again.text
    assert again.json()["input"] == first["input"]
    assert again.json()["notes"] == first["notes"]
    path.write_text("under water\n")
    later = client.post(f"{API}/jobs", json=first["input"]).json()
    assert later["input"] == first["input"]
    assert [note["pointer"] for note in later["notes"]] == ["/wordings"]
    done = ended(client, later["urls"]["self"])
    for one, other in zip(first["outputs"], done["outputs"], strict=True):
        pictures = [pixels(client.get(each["url"]).content) for each in (one, other)]
        assert np.array_equal(*pictures)


@pytest.mark.parametrize(
    ("change", "pointer", "said"),
    [
        ({"count": 2}, "/wordings", "as many as count"),
        ({"prompt": "a cat"}, "/wordings", "no prompt here has any"),
        ({"as_written": True}, "/wordings", "no prompt here has any"),
        ({"wordings": [{"prompt": "<lora:ink:1>"}]}, "/wordings/0/prompt", "tag"),
        ({"wordings": [{"prompt": " "}]}, "/prompt", "empty"),
        ({"wordings": [{"prompt": "a", "loras": [{"name": "oil"}]}]}, "/prompt", "oil"),
        ({"wordings": [{"prompt": 5}]}, "/wordings/0/prompt", "string"),
        ({"wordings": "a"}, "/wordings", "array"),
    ],
)
def test_wordings_that_cannot_be_those_of_the_pictures_are_refused(
    client: httpx.Client, change: Fields, pointer: str, said: str
):
    asked = {**USUAL, "prompt": "{a|b}", "wordings": [{"prompt": "a"}], **change}
    answer = client.post(f"{API}/jobs", json=asked)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert said in answer.json()["errors"][0]["detail"]


def test_names_of_lists_are_text_with_a_note_where_there_are_no_lists(
    client: httpx.Client, site: Site
):
    shutil.rmtree(site.data / "wildcards")
    job = client.get(made(client, **USUAL, prompt="__bold__ text {a|b}")).json()
    assert job["input"]["wordings"][0]["prompt"] in ("__bold__ text a", "__bold__ text b")
    plain = ended(
        client, made(client, **USUAL, prompt="__bold(x)__", blend_prompt="__bold(y)__", blend=1)
    )
    assert plain["status"] == "succeeded"
    assert plain["input"]["prompt"] == "__bold(x)__"
    assert "wordings" not in plain["input"]
    for each in (job, plain):
        (note,) = each["notes"]
        assert note["pointer"] == "/prompt"
        assert "is read as text" in note["detail"]
    assert ended(client, job["urls"]["self"])["status"] == "succeeded"


@pytest.mark.parametrize("name", ["%00", "a%00b", "%F0%9F%8D%8E" * 150])
def test_a_name_that_no_file_can_have_is_not_found(client: httpx.Client, site: Site, name: str):
    answer = client.get(f"{API}/wildcards/{name}")
    assert answer.status_code == 404
    assert str(site.data) not in answer.text
