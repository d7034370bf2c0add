"""What is added to Kolors, which has SDXL's UNet and another reader: by HTTP to PNGs."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from diffusers.pipelines.kolors.pipeline_kolors import KolorsPipeline

from tests.engine.helpers import difference
from tests.running.paths import API
from tests.running.site import Site, site_in
from tests.tiny.models import save_tiny
from tests.tiny.parts import save_tiny_controlnet, save_tiny_lora
from tests.tiny.pipelines.kolors import save_tiny_kolors
from tests.worker.families.comparing.asking import USUAL, Fields, ended, made, picture
from tests.worker.families.comparing.stock import FAMILIES, stock
from worker.engine import TOLERANCE

ASKED: Fields = {**USUAL, "steps": 4, "seed": 7}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("kolors")
    save_tiny_kolors(data / "kolors")
    save_tiny("sdxl", data / "sdxl")
    loras = data / "models" / "loras"
    loras.mkdir(parents=True)
    for layout in ("kohya", "diffusers"):
        save_tiny_lora(loras / f"{layout}.safetensors", data / "kolors", layout, seed=3, text=False)
    save_tiny_controlnet(data / "models" / "controlnets" / "edges", data / "sdxl")
    save_tiny_kolors(data / "wordless")
    (data / "wordless" / "tokenizer" / "tokenizer.model").unlink()
    models = data / "models.toml"
    names = ("kolors", "sdxl", "wordless")
    models.write_text("\n".join(f'[models.{name}]\nsource = "{name}"' for name in names))
    with site_in(data, models=models) as site:
        yield site


# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own solvers.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*peft:UserWarning")
@pytest.mark.parametrize("layout", ["kohya", "diffusers"])
def test_a_lora_for_its_unet_is_diffusers_own_picture(
    site: Site, client: httpx.Client, layout: str
):
    ours = picture(client, made(client, model="kolors", loras=[{"name": layout}], **ASKED))
    pipeline = KolorsPipeline.from_pretrained(site.data / "kolors")
    pipeline.set_progress_bar_config(disable=True)
    family = FAMILIES["kolors"]
    plain = stock(family, pipeline, ASKED)
    pipeline.load_lora_weights(site.data / "models" / "loras" / "diffusers.safetensors")
    assert difference(ours, stock(family, pipeline, ASKED)) <= TOLERANCE
    assert difference(ours, plain) > 2 * TOLERANCE


def test_it_takes_no_controlnet_of_sdxl_and_no_prompt_that_it_cannot_read(client: httpx.Client):
    cards = {each["name"]: each for each in client.get(f"{API}/models").json()["models"]}
    assert cards["kolors"]["family"] == "kolors"
    assert (cards["kolors"]["window"], cards["kolors"]["clip_layers"]) == (254, 1)
    assert [each["name"] for each in cards["sdxl"]["controlnets"]] == ["edges"]
    assert cards["kolors"]["controlnets"] == []
    job = made(client, model="kolors", **{**ASKED, "prompt": "a (red:1.4) apple"})
    weighted = picture(client, job)
    plain = picture(client, made(client, model="kolors", **ASKED))
    assert not np.array_equal(weighted, plain)
    answer = client.post(f"{API}/jobs", json={**ASKED, "model": "kolors", "clip_skip": 2})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/clip_skip"
    long = client.post(f"{API}/jobs", json={**ASKED, "model": "kolors", "prompt": "apple " * 300})
    job = long.raise_for_status().json()["urls"]["self"]
    with pytest.raises(AssertionError, match="this model reads at most 254"):
        ended(client, job)
    job = made(client, model="wordless", **ASKED)
    with pytest.raises(AssertionError, match=r"has no tokenizer\.model, which ChatGLM reads by"):
        ended(client, job)
