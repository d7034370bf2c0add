"""A picture takes another autoencoder than its model's own: by our API and by AUTOMATIC1111's."""

from __future__ import annotations

import base64
import shutil

import pytest
from safetensors.torch import load_file, save_file

from tests.adding.conftest import Counter
from tests.adding.test_additions import pixels
from tests.running.waiting import until

FIELDS = {"prompt": "a red apple", "steps": 4, "sampler_name": "DDIM", "seed": 7}


@pytest.mark.slow
def test_a_picture_takes_the_autoencoder_that_it_names(counter: Counter):
    own = counter.home / "tiny" / "vae"
    other = counter.dropped / "vae" / "brighter"
    shutil.copytree(own, other, dirs_exist_ok=True)
    file = other / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    weights["decoder.conv_out.bias"] = weights["decoder.conv_out.bias"] + 0.3
    save_file(weights, file, metadata={"format": "pt"})
    until(lambda: "brighter" in counter.add_ons("vaes"))
    # The same weights, as they are for a model that has them for its own.
    shutil.copytree(counter.home / "tiny", counter.dropped / "whole", dirs_exist_ok=True)
    shutil.copy(file, counter.dropped / "whole" / "vae" / file.name)
    until(lambda: "whole" in counter.models())

    expected, plain = counter.make(model="whole"), counter.make()
    job = counter.ended(counter.submit(vae="brighter"))
    assert job["input"]["vae"] == "brighter"
    made = counter.http.get(job["outputs"][0]["url"]).content
    assert pixels(made) == pixels(expected) != pixels(plain)
    assert b"VAE: brighter" in made
    assert pixels(counter.make()) == pixels(plain), "the next one has the model's own"
    refused = counter.http.post("/api/v1/jobs", json={"prompt": "a", "vae": "nothing"})
    assert "there are brighter" in refused.json()["errors"][0]["detail"]

    def shown(**more: object) -> bytes:
        answer = counter.http.post("/sdapi/v1/txt2img", json=FIELDS | more, timeout=120)
        assert answer.status_code == 200, answer.text
        return pixels(base64.b64decode(answer.json()["images"][0]))

    listed = counter.http.get("/sdapi/v1/sd-vae").json()
    assert listed == [{"model_name": "brighter.safetensors", "filename": "brighter.safetensors"}]
    chosen = {"sd_vae": "brighter.safetensors"}
    assert shown(override_settings=chosen) == pixels(expected)
    assert shown() == pixels(plain)
    counter.http.post("/sdapi/v1/options", json=chosen).raise_for_status()
    assert counter.http.get("/sdapi/v1/options").json()["sd_vae"] == "brighter.safetensors"
    assert shown() == pixels(expected)
    assert shown(override_settings={"sd_vae": "None"}) == pixels(plain)
    counter.http.post("/sdapi/v1/options", json={"sd_vae": "Automatic"}).raise_for_status()
    assert shown() == pixels(plain)
    wrong = counter.http.post("/sdapi/v1/options", json={"sd_vae": "nothing.pt"})
    assert wrong.status_code == 422
    for name in ("vae/brighter", "whole"):
        shutil.rmtree(counter.dropped / name)
    until(lambda: not counter.add_ons("vaes") and "whole" not in counter.models())
