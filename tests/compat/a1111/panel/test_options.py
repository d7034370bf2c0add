"""Options are each caller's own; a model is chosen by any name that clients know it by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient
from redis import Redis

from jobs.records.workers import WorkerInfo
from tests.card import make_card
from tests.compat.a1111.client import QUICK, Quick, connect
from tests.running.hand_worker import HandWorker

OPTIONS = "/sdapi/v1/options"
TXT2IMG = "/sdapi/v1/txt2img"

CARDS = [
    make_card(sha256="ab" * 32),
    make_card(name="other", title="Other", default=False, sha256="cd" * 32),
]


@pytest.fixture
def quick(redis: Redis, worker: HandWorker) -> Iterator[Quick]:
    worker.info = WorkerInfo.model_validate(worker.info.model_dump() | {"models": CARDS})
    worker.advertise()
    with Quick(redis, worker) as quick:
        yield quick


def as_user(name: str) -> dict[str, Any]:
    return {"auth": (name, "any")}


def model_of(client: FlaskClient, quick: Quick, user: str = "anna", **body: Any) -> str:
    answer = client.post(TXT2IMG, json={"prompt": "a star", **body}, **as_user(user))
    assert answer.status_code == 200, answer.text
    return quick.seen[-1].request.model


def checkpoint(client: FlaskClient, user: str = "anna") -> str:
    return client.get(OPTIONS, **as_user(user)).get_json()["sd_model_checkpoint"]


@pytest.mark.endpoint("GET /sdapi/v1/options")
@pytest.mark.endpoint("POST /sdapi/v1/options")
@pytest.mark.parametrize(
    "named",
    ["other.safetensors [cdcdcdcdcd]", "other.safetensors", "other", "cdcdcdcdcd", "cd" * 32],
)
def test_the_model_that_was_chosen_makes_the_next_picture(
    client: FlaskClient, quick: Quick, named: str
) -> None:
    assert checkpoint(client) == "small.safetensors [ababababab]"
    answer = client.post(OPTIONS, json={"sd_model_checkpoint": named}, **as_user("anna"))
    assert (answer.status_code, answer.json) == (200, None)
    assert checkpoint(client) == "other.safetensors [cdcdcdcdcd]"
    assert model_of(client, quick) == "other"


def test_one_callers_options_are_not_anothers(client: FlaskClient, quick: Quick) -> None:
    client.post(OPTIONS, json={"sd_model_checkpoint": "other"}, **as_user("anna"))
    assert checkpoint(client, "bert").startswith("small")
    assert model_of(client, quick, "bert") == "small"


def test_all_options_may_be_sent_back(client: FlaskClient, quick: Quick) -> None:
    options = client.get(OPTIONS).get_json()
    changed = options | {"sd_model_checkpoint": "other"}
    assert client.post(OPTIONS, json=changed).status_code == 200
    assert client.get(OPTIONS).get_json() == options | {
        "sd_model_checkpoint": "other.safetensors [cdcdcdcdcd]",
        "sd_checkpoint_hash": "cd" * 32,
    }


def test_the_layer_of_the_text_encoder_is_kept(client: FlaskClient, quick: Quick) -> None:
    client.post(OPTIONS, json={"CLIP_stop_at_last_layers": "2"})
    assert client.get(OPTIONS).get_json()["CLIP_stop_at_last_layers"] == 2
    client.post(TXT2IMG, json={"prompt": "a star"})
    assert quick.seen[-1].request.clip_skip == 2


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"sd_model_checkpoint": "nope"}, "sd_model_checkpoint: no model is named 'nope'"),
        ({"no_such_option": 1, "send_seed": False}, "no_such_option: is no option"),
        ({"samples_format": "gif"}, "samples_format: "),
        ({"sd_model_checkpoint": 7}, "sd_model_checkpoint: no model is named '7'"),
        ({"CLIP_stop_at_last_layers": 13}, "CLIP_stop_at_last_layers: must be at most 12"),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    client: FlaskClient, quick: Quick, sent: dict[str, Any], words: str
) -> None:
    answer = client.post(OPTIONS, json=sent)
    assert answer.status_code == 422
    assert words in json.loads(answer.text)["detail"]
    assert checkpoint(client).startswith("small")


@pytest.mark.parametrize("restore", [None, True])
def test_a_setting_for_one_request_is_gone_after_it(
    client: FlaskClient, quick: Quick, restore: bool | None
) -> None:
    settings = {"sd_model_checkpoint": "other"}
    body = {"override_settings": settings, "override_settings_restore_afterwards": restore}
    assert model_of(client, quick, **body) == "other"
    assert model_of(client, quick) == "small"


def test_a_setting_that_is_to_stay_stays(client: FlaskClient, quick: Quick) -> None:
    settings = {"sd_model_checkpoint": "other", "CLIP_stop_at_last_layers": 3}
    body = {"override_settings": settings, "override_settings_restore_afterwards": False}
    assert model_of(client, quick, **body) == "other"
    assert model_of(client, quick) == "other"
    assert quick.seen[-1].request.clip_skip == 3


def test_a_model_that_is_gone_gives_way_to_the_default(client: FlaskClient, quick: Quick) -> None:
    client.post(OPTIONS, json={"sd_model_checkpoint": "other"}, **as_user("anna"))
    info = quick.worker.info.model_dump() | {"models": CARDS[:1]}
    quick.worker.info = WorkerInfo.model_validate(info)
    quick.worker.advertise()
    assert checkpoint(client).startswith("small")
    assert model_of(client, quick) == "small"


@pytest.mark.endpoint("POST /sdapi/v1/refresh-checkpoints")
@pytest.mark.endpoint("POST /sdapi/v1/refresh-vae")
@pytest.mark.endpoint("POST /sdapi/v1/refresh-loras")
@pytest.mark.endpoint("POST /sdapi/v1/refresh-embeddings")
def test_refreshing_answers_null_and_not_nothing(client: FlaskClient) -> None:
    for what in ("checkpoints", "vae", "loras", "embeddings"):
        answer = client.post(f"/sdapi/v1/refresh-{what}")
        assert (answer.status_code, answer.data.strip()) == (200, b"null")


@pytest.mark.endpoint("GET /internal/ping")
def test_a_ping_is_answered(client: FlaskClient) -> None:
    answer = client.get("/internal/ping")
    assert (answer.status_code, answer.json) == (200, {})


@pytest.mark.endpoint("GET /sdapi/v1/options")
@pytest.mark.endpoint("POST /sdapi/v1/options")
@pytest.mark.endpoint("POST /sdapi/v1/refresh-checkpoints")
@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
def test_webuiapi_reads_and_sets_options(address: str) -> None:
    api = connect(address, "options")
    title = api.get_options()["sd_model_checkpoint"]
    assert title.startswith("emoji.safetensors")
    assert api.set_options({"sd_model_checkpoint": title, "sd_vae": "Automatic"}) is None
    assert api.refresh_checkpoints() is None
    result = api.txt2img(
        prompt="red apple, 3d", override_settings={"sd_model_checkpoint": title}, **QUICK
    )
    assert result.info["sd_model_name"] == "emoji"
    ping = httpx.get(api.baseurl.replace("/sdapi/v1", "/internal/ping"), timeout=30)
    assert ping.json() == {}
