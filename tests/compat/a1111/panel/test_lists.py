"""What can be chosen, as AUTOMATIC1111's real client lists it."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient
from webuiapi import WebUIApi

from jobs.records.workers import WorkerInfo
from jobs.request.samplers import SAMPLERS, SCHEDULES, canonical_sampler, canonical_schedule
from server.compat.a1111.checkpoints import checkpoint_title, find_checkpoint
from tests.card import make_card
from tests.compat.a1111.client import connect
from tests.running.api import Server
from tests.running.hand_worker import HandWorker

HASH = "ab01cd" * 10 + "ef23"

CARDS = [
    make_card(
        sha256=HASH,
        loras=[{"name": "pixel", "triggers": ["pixel art"]}],
        embeddings=[{"name": "easy"}],
        controlnets=[{"name": "edges"}],
        upscalers=[{"name": "esrgan-x4"}],
        face_restorers=[{"name": "gfpganv1.4"}],
    ),
    make_card(name="other-1.5", default=False, loras=[{"name": "pixel"}, {"name": "line"}]),
]
TITLE = f"small.safetensors [{HASH[:10]}]"

NOTHING = {
    "hypernetworks": "get_hypernetworks",
    "sd-vae": "get_sd_vae",
    "prompt-styles": "get_prompt_styles",
}
"""What there is none of, with webuiapi's function for it."""


@pytest.fixture
def offered(worker: HandWorker) -> HandWorker:
    worker.info = WorkerInfo.model_validate(worker.info.model_dump() | {"models": CARDS})
    worker.advertise()
    return worker


@pytest.fixture
def api(server: Server, offered: HandWorker) -> WebUIApi:
    return connect(server.url)


@pytest.mark.endpoint("GET /sdapi/v1/sd-models")
def test_models_have_the_titles_that_clients_send_back(api: WebUIApi):
    small, other = api.get_sd_models()
    assert small == {
        "title": TITLE,
        "model_name": "small",
        "hash": HASH[:10],
        "sha256": HASH,
        "filename": "small.safetensors",
        "config": None,
    }
    # Weights are hashed in time; until then a model has no hash, and can be chosen all the same.
    assert (other["title"], other["hash"]) == ("other-1.5.safetensors", None)
    assert api.util_get_model_names() == ["other-1.5.safetensors", TITLE]
    assert all(find_checkpoint(name, CARDS) for name in api.util_get_model_names())


@pytest.mark.endpoint("GET /sdapi/v1/sd-models")
def test_a_model_is_set_by_the_nearest_of_its_names(api: WebUIApi):
    assert api.util_get_current_model() == TITLE
    api.util_set_model("other")
    assert api.util_get_current_model() == "other-1.5.safetensors"
    api.util_set_model("small")
    assert api.util_get_current_model() == TITLE


@pytest.mark.parametrize(
    "text",
    [
        TITLE,
        TITLE.upper(),
        "small.safetensors [0000000000]",
        "small.safetensors",
        "small",
        " small ",
        HASH[:10],
        HASH,
    ],
)
def test_a_model_is_found_by_any_of_its_names(text: str):
    assert find_checkpoint(text, reversed(CARDS)) is CARDS[0]


@pytest.mark.parametrize("text", ["", "smal", "None", "[ab01cdab01]", HASH[:6], "small [x] [y]"])
def test_half_a_name_is_no_models(text: str):
    assert find_checkpoint(text, CARDS) is None


def test_every_title_leads_back_to_its_model():
    cards = [*CARDS, make_card(name="SDXL", sha256="EF" * 32)]
    for card in cards:
        assert find_checkpoint(checkpoint_title(card), cards) is card
        assert find_checkpoint(card.name, cards) is card


@pytest.mark.endpoint("GET /sdapi/v1/samplers")
def test_samplers_are_those_of_our_one_table(api: WebUIApi):
    samplers = api.get_samplers()
    assert [each["name"] for each in samplers] == [info.title for info in SAMPLERS.values()]
    assert [canonical_sampler(each["name"]) for each in samplers] == list(SAMPLERS)
    values = [value for each in samplers for value in each["options"].values()]
    assert {type(value) for value in values} == {str}
    for each in samplers:
        assert all(canonical_sampler(a) == canonical_sampler(each["name"]) for a in each["aliases"])
    assert len(api.util_get_sampler_names()) == len(SAMPLERS)


@pytest.mark.endpoint("GET /sdapi/v1/schedulers")
def test_schedulers_are_those_of_our_one_table(api: WebUIApi):
    schedulers = api.get_schedulers()
    assert [each["name"] for each in schedulers] == list(SCHEDULES)
    for each in schedulers:
        names = [each["name"], each["label"], *each["aliases"]]
        assert {canonical_schedule(name) for name in names} == {each["name"]}
        assert isinstance(each["default_rho"], float)
        assert isinstance(each["need_inner_model"], bool)
    assert api.util_get_scheduler_names() == sorted(SCHEDULES)


@pytest.mark.endpoint("GET /sdapi/v1/loras")
def test_loras_of_all_models_are_listed_once(api: WebUIApi):
    pixel, line = api.get_loras()
    assert pixel == {
        "name": "pixel",
        "alias": "pixel",
        "path": "pixel.safetensors",
        "metadata": {"triggers": ["pixel art"]},
    }
    assert line["name"] == "line"


@pytest.mark.endpoint("GET /sdapi/v1/embeddings")
def test_embeddings_are_all_loaded(api: WebUIApi):
    found = api.get_embeddings()
    assert found["skipped"] == {}
    assert list(found["loaded"]) == ["easy"]
    keys = {"step", "sd_checkpoint", "sd_checkpoint_name", "shape", "vectors"}
    assert found["loaded"]["easy"].keys() == keys


@pytest.mark.endpoint(
    "GET /sdapi/v1/upscalers",
    "GET /sdapi/v1/latent-upscale-modes",
    "GET /sdapi/v1/realesrgan-models",
)
def test_the_first_upscaler_is_none(api: WebUIApi):
    names = [each["name"] for each in api.get_upscalers()]
    assert names == ["None", "Lanczos", "Nearest", "esrgan-x4"]
    assert api.get_latent_upscale_modes() == [{"name": "Latent"}]
    assert [each["name"] for each in api.get_realesrgan_models()] == ["esrgan-x4"]


@pytest.mark.endpoint("GET /sdapi/v1/face-restorers")
def test_what_restores_faces_is_what_there_is(api: WebUIApi):
    assert [each["name"] for each in api.get_face_restorers()] == ["gfpganv1.4"]


@pytest.mark.endpoint(*(f"GET /sdapi/v1/{path}" for path in NOTHING))
@pytest.mark.parametrize("function", NOTHING.values())
def test_what_there_is_none_of_is_an_empty_list(api: WebUIApi, function: str):
    assert getattr(api, function)() == []


@pytest.mark.endpoint("GET /sdapi/v1/sd-modules", "GET /sdapi/v1/extensions")
@pytest.mark.parametrize("path", ["sd-modules", "extensions"])
def test_what_webuiapi_does_not_ask_for_is_an_empty_list_as_well(client: FlaskClient, path: str):
    assert client.get(f"/sdapi/v1/{path}").json == []


@pytest.mark.endpoint("GET /sdapi/v1/scripts", "GET /sdapi/v1/script-info")
def test_the_scripts_are_controlnet_and_sd_upscale(api: WebUIApi, client: FlaskClient):
    assert api.get_scripts() == {"txt2img": ["controlnet"], "img2img": ["sd upscale", "controlnet"]}
    infos = client.get("/sdapi/v1/script-info").get_json()
    assert [each["is_img2img"] for each in infos] == [False, True, True]
    assert [each["name"] for each in infos] == ["controlnet", "controlnet", "sd upscale"]
    assert [each["is_alwayson"] for each in infos] == [True, True, False]


@pytest.mark.endpoint("GET /sdapi/v1/cmd-flags", "GET /sdapi/v1/memory")
def test_the_machine_says_what_it_has(api: WebUIApi):
    assert api.get_cmd_flags()["api"] is True
    memory = api.get_memory()
    ram = memory["ram"]
    assert 0 < ram["used"] + ram["free"] <= ram["total"]
    assert "workers" in memory["cuda"]["error"]


@pytest.mark.endpoint(
    "POST /sdapi/v1/unload-checkpoint",
    "POST /sdapi/v1/reload-checkpoint",
)
@pytest.mark.parametrize("path", ["unload-checkpoint", "reload-checkpoint"])
def test_one_caller_does_not_unload_what_others_use(client: FlaskClient, path: str):
    answer = client.post(f"/sdapi/v1/{path}")
    assert (answer.status_code, answer.json) == (200, {})


@pytest.mark.endpoint("POST /sdapi/v1/refresh-checkpoints")
def test_models_are_looked_for_again(api: WebUIApi):
    assert api.refresh_checkpoints() is None


@pytest.mark.endpoint("POST /sdapi/v1/interrogate")
def test_a_picture_is_not_described_and_the_client_is_told(api: WebUIApi):
    with pytest.raises(RuntimeError) as refused:
        api.interrogate("iVBORw0KGgo=")
    status, body = refused.value.args
    assert status == 501
    assert "no model here describes pictures" in json.loads(body)["detail"]


@pytest.mark.parametrize("path", ["sd-models", "loras", "embeddings", "upscalers"])
def test_before_a_worker_has_started_lists_say_so(client: FlaskClient, path: str):
    answer = client.get(f"/sdapi/v1/{path}")
    assert answer.status_code == 503
    assert "no worker has started" in answer.json["detail"]
    assert answer.headers["Retry-After"]
