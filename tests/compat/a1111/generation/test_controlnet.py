"""ControlNets as AUTOMATIC1111's real client sends them: what is queued, and one real picture."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from flask.testing import FlaskClient
from PIL import Image
from redis import Redis
from sd_parsers import ParserManager
from webuiapi import ControlNetUnit, WebUIApi

from jobs.connection import connect as connect_to_redis
from jobs.records.workers import WorkerInfo
from jobs.request.fields.values import MAX_CONTROLS
from server.compat.a1111.control_maps import MODULES
from server.compat.a1111.generation.units import IP_MODULES
from tests.card import make_card
from tests.compat.a1111.client import QUICK, SIDE, Quick, connect, in_base64, pixels, same
from tests.running.api import Server, gunicorn
from tests.running.hand_worker import HandWorker
from tests.running.paths import REPOSITORY
from tests.running.services.redis import redis_in
from tests.running.worker import WorkerProcess

TXT2IMG = "/sdapi/v1/txt2img"
IMG2IMG = "/sdapi/v1/img2img"
EMOJI = REPOSITORY / "models" / "emoji"
CARD = make_card(controlnets=[{"name": "edges"}, {"name": "tones"}], ip_adapters=[{"name": "plus"}])
PICTURE = Image.linear_gradient("L").resize((64, 64)).convert("RGB")


@pytest.fixture
def quick(redis: Redis, worker: HandWorker) -> Iterator[Quick]:
    worker.info = WorkerInfo.model_validate(worker.info.model_dump() | {"models": [CARD]})
    worker.advertise()
    with Quick(redis, worker) as quick:
        yield quick


@pytest.fixture
def api(server: Server, quick: Quick) -> WebUIApi:
    return connect(server.url)


def scripts(*units: Any, name: str = "ControlNet") -> dict[str, Any]:
    return {"alwayson_scripts": {name: {"args": list(units)}}}


def unit(**fields: Any) -> dict[str, Any]:
    return {"image": in_base64(PICTURE), "model": "edges"} | fields


def asked(client: FlaskClient, *units: Any, path: str = TXT2IMG, **body: Any) -> Any:
    return client.post(path, json={"prompt": "a star", **scripts(*units), **body})


def stored(quick: Quick, image: str) -> Image.Image:
    return Image.open(io.BytesIO(quick.worker.store.read(image)))


@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
def test_a_unit_of_the_real_client_becomes_a_control(api: WebUIApi, quick: Quick):
    units = [
        ControlNetUnit(
            PICTURE,
            module="canny",
            model="Edges [0123abcd]",
            weight=0.5,
            guidance_start=0.1,
            guidance_end=0.8,
            pixel_perfect=True,
        ),
        ControlNetUnit(PICTURE, module="scribble_xdog", model="tones", enabled=False),
        ControlNetUnit(PICTURE, module="none", model="tones"),
    ]
    api.txt2img(
        prompt="a star",
        width=64,
        height=64,
        sampler_name="DDIM",
        controlnet_units=units,
        alwayson_scripts={},
    )
    (record,) = quick.seen
    first, second = record.request.controls
    assert (first.model, first.preprocessor, first.weight) == ("edges", "canny", 0.5)
    assert (first.start, first.end) == (0.1, 0.8)
    assert (second.model, second.preprocessor, second.weight) == ("tones", "none", 1.0)
    assert (second.start, second.end) == (0.0, 1.0)
    # webuiapi's default, Resize and Fill.
    assert record.request.resize == "pad"
    assert np.array_equal(pixels(stored(quick, first.image)), pixels(PICTURE))


@pytest.mark.endpoint("POST /sdapi/v1/img2img")
def test_a_unit_without_a_picture_follows_the_one_to_start_from(api: WebUIApi, quick: Quick):
    api.img2img(
        [PICTURE],
        prompt="a star",
        width=64,
        height=64,
        controlnet_units=[ControlNetUnit(model="edges")],
        alwayson_scripts={},
        sampler_name="DDIM",
    )
    request = quick.seen[0].request
    assert (request.kind, request.resize) == ("image-to-image", "stretch")
    followed = stored(quick, request.controls[0].image)
    assert np.array_equal(pixels(followed), pixels(PICTURE))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"image": None, "input_image": in_base64(PICTURE)},
        {"image": {"image": in_base64(PICTURE), "mask": None}},
        {"image": f"data:image/png;base64,{in_base64(PICTURE)}"},
        {"module": None, "weight": None, "mask": None, "control_mode": None},
        {"module": "NONE", "weight": "1", "control_mode": 0, "hr_option": "both"},
        {"processor_res": 64, "threshold_a": 1, "lowvram": True, "unknown": {"a": 1}},
        {"resize_mode": "Scale to Fit (Inner Fit)"},
        {"resize_mode": 1},
    ],
)
def test_a_unit_may_be_written_in_many_ways(
    client: FlaskClient, quick: Quick, fields: dict[str, Any]
):
    answer = asked(client, unit(**fields))
    assert answer.status_code == 200, answer.text
    (control,) = quick.seen[0].request.controls
    assert (control.model, control.preprocessor, control.weight) == ("edges", "none", 1.0)
    assert quick.seen[0].request.resize == "crop"


def test_a_unit_may_act_in_a_part_and_leave_more_to_the_prompt(client: FlaskClient, quick: Quick):
    fields = {"module": "canny", "threshold_a": 50, "threshold_b": 300}
    mode = {"control_mode": "ControlNet is more important"}
    answer = asked(client, unit(mask=in_base64(PICTURE), **fields, **mode), unit(control_mode=1))
    assert answer.status_code == 200, answer.text
    first, second = quick.seen[0].request.controls
    assert (first.control_mode, second.control_mode) == ("control", "prompt")
    # 300 is outside of its slider, and stands for the usual one.
    assert (first.threshold_a, first.threshold_b) == (50, None)
    assert np.array_equal(pixels(stored(quick, first.mask or "")), pixels(PICTURE))


def test_a_unit_with_a_module_of_ip_adapters_is_one(client: FlaskClient, quick: Quick):
    like = {"module": "ip-adapter_clip_sd15", "model": "plus [0123abcd]", "weight": 0.6}
    units = unit(), unit(**like, guidance_end=0.7, mask=in_base64(PICTURE))
    answer = asked(client, *units)
    assert answer.status_code == 200, answer.text
    request = quick.seen[0].request
    assert [each.model for each in request.controls] == ["edges"]
    (adapter,) = request.ip_adapters
    assert (adapter.model, adapter.weight, adapter.end) == ("plus", 0.6, 0.7)
    for image in (*adapter.images, adapter.mask or ""):
        assert np.array_equal(pixels(stored(quick, image)), pixels(PICTURE))


@pytest.mark.parametrize("name", MODULES)
def test_every_module_that_is_listed_is_taken(client: FlaskClient, quick: Quick, name: str):
    assert asked(client, unit(module=name)).status_code == 200
    assert quick.seen[0].request.controls[0].preprocessor == MODULES[name]


@pytest.mark.parametrize("units", [(), (False,), (None,), ({"enabled": False},)])
def test_no_unit_is_no_control(client: FlaskClient, quick: Quick, units: tuple[Any, ...]):
    assert asked(client, *units).status_code == 200
    assert quick.seen[0].request.controls == []


@pytest.mark.parametrize("given", [None, {}, {"controlnet": {"args": []}}, {"ControlNet": {}}])
def test_the_script_may_be_left_out_and_written_small(
    client: FlaskClient, quick: Quick, given: Any
):
    answer = client.post(TXT2IMG, json={"prompt": "a star", "alwayson_scripts": given})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "None"}, "/model: must name a ControlNet; the module reference_only alone"),
        ({"model": "None", "module": "reference_adain"}, "/module: reference_adain is not here"),
        ({"model": "nope"}, "model: no ControlNet for the model small is named 'nope'"),
        ({"module": "openpose"}, "configured none for pose; there are none, canny"),
        ({"module": "hed"}, "/module: no module is named 'hed'; there are none, canny"),
        ({"image": ""}, "/image: is required: a ControlNet follows a picture"),
        ({"image": "AAAA"}, "image: must be a PNG"),
        ({"image": "?"}, "/image: is not base64"),
        ({"image": 3}, "/image: must be a string"),
        ({"weight": 5}, "/weight: must be at most 4"),
        ({"weight": "x"}, "/weight: "),
        ({"guidance_start": -1}, "/guidance_start: must be at least 0"),
        ({"guidance_start": 0.9, "guidance_end": 0.1}, "end: must be at least"),
        ({"mask": "?"}, "/mask: is not base64"),
        ({"control_mode": "Mine"}, "/control_mode: must be Balanced, My prompt is more"),
        ({"module": "ip-adapter_face_id"}, "/module: no module is named 'ip-adapter_face_id'"),
        ({"module": "ip-adapter-auto"}, "model: no IP-Adapter for the model small is named"),
        ({"hr_option": "Low res only"}, "/hr_option: a unit acts in both passes"),
        ({"resize_mode": "Squeeze"}, "/resize_mode: must be Just Resize"),
    ],
)
def test_what_a_unit_cannot_do_is_refused_by_name(
    client: FlaskClient, quick: Quick, fields: dict[str, Any], words: str
):
    answer = asked(client, unit(**fields))
    assert answer.status_code == 422
    assert "alwayson_scripts/ControlNet/args/0/" in answer.json["detail"]
    assert words in answer.json["detail"]
    assert quick.seen == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Deforum": {"args": [True]}}, "no script is named 'Deforum'; there are ControlNet"),
        ({"ControlNet": {"args": {}}}, "ControlNet/args: must be an array"),
        ({"ControlNet": {"args": ["x"]}}, "ControlNet/args/0: must be an object"),
        (scripts(*[unit()] * (MAX_CONTROLS + 1))["alwayson_scripts"], "at most"),
        (scripts(unit(resize_mode=0), unit(resize_mode=1))["alwayson_scripts"], "be the same"),
        ([1], "alwayson_scripts: "),
    ],
)
def test_scripts_that_are_not_here_are_refused(
    client: FlaskClient, quick: Quick, given: Any, words: str
):
    answer = client.post(TXT2IMG, json={"prompt": "a star", "alwayson_scripts": given})
    assert answer.status_code == 422
    assert words in answer.json["detail"]


@pytest.mark.endpoint(
    "GET /controlnet/version", "GET /controlnet/model_list", "GET /controlnet/module_list"
)
def test_the_extensions_lists_are_there(api: WebUIApi):
    assert api.controlnet_version() == 2
    assert api.controlnet_model_list() == ["edges", "tones", "plus"]
    assert api.controlnet_module_list() == [*MODULES, *IP_MODULES, "reference_only"]


@pytest.mark.endpoint("GET /controlnet/control_types", "GET /controlnet/settings")
def test_types_and_settings_are_there(client: FlaskClient, quick: Quick):
    types = client.get("/controlnet/control_types").json["control_types"]
    assert types["All"]["model_list"] == ["None", "edges", "tones", "plus"]
    assert types["All"]["module_list"] == [*MODULES, *IP_MODULES, "reference_only"]
    settings = client.get("/controlnet/settings").json
    assert settings == {"control_net_unit_count": MAX_CONTROLS}


@pytest.mark.endpoint("POST /controlnet/detect")
@pytest.mark.parametrize("module", ["none", "invert", "grayscale"])
def test_a_picture_is_shown_as_a_controlnet_will_see_it(api: WebUIApi, module: str):
    channels = [PICTURE.getchannel(0), Image.new("L", PICTURE.size, 90), PICTURE.getchannel(1)]
    source = Image.merge("RGB", channels)
    result = api.controlnet_detect([source, source], module=module)
    assert len(result.images) == 2
    expected = {
        "none": pixels(source),
        "invert": 255 - pixels(source),
        "grayscale": pixels(source.convert("L")),
    }
    assert np.array_equal(pixels(result.images[1]), expected[module])


@pytest.mark.endpoint("POST /controlnet/detect")
def test_edges_are_shown_by_the_thresholds_that_are_asked_for(client: FlaskClient):
    picture = Image.new("RGB", (64, 48), (90, 90, 90))
    picture.paste((110, 110, 110), (20, 10, 44, 38))
    body = {"controlnet_module": "canny", "controlnet_input_images": [in_base64(picture)]}

    def edges(**more: int) -> int:
        answer = client.post("/controlnet/detect", json=body | more).get_json()
        data = base64.b64decode(answer["images"][0])
        shown = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
        assert set(np.unique(shown)) <= {0, 255}
        return int((shown == 255).sum())

    assert edges() == 0
    assert edges(controlnet_threshold_a=10, controlnet_threshold_b=30) > 80


def test_the_maps_come_behind_the_pictures(client: FlaskClient, quick: Quick):
    given = scripts(unit(module="invert"), unit(module="canny", save_detected_map=False))
    size = {"width": 64, "height": 64}
    answer = client.post(TXT2IMG, json={"prompt": "a star", "n_iter": 2, **size} | given).get_json()
    assert len(answer["images"]) == 3
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["images"][2]))))
    assert np.array_equal(shown, 255 - pixels(PICTURE))


@pytest.mark.endpoint("POST /controlnet/detect")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"controlnet_module": "hed"}, "controlnet_module: no module is named 'hed'"),
        ({}, "controlnet_images: must have at least one"),
        ({"controlnet_images": ["AAAA"]}, "controlnet_images/0: must be a PNG"),
        ({"controlnet_images": "AAAA"}, "controlnet_images: must be an array"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(
    client: FlaskClient, body: dict[str, Any], words: str
):
    answer = client.post("/controlnet/detect", json=body)
    assert answer.status_code == 422
    assert words in answer.json["detail"]


def save_controlnet(folder: Path) -> Path:
    """A random ControlNet for the model that ships, which halves a picture three times."""
    unet = UNet2DConditionModel.from_pretrained(EMOJI / "unet")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 8, 8, 8))
        for parameter in net.parameters():
            if not parameter.any():
                # What joins it to the UNet begins at zero, and would stay without an effect.
                torch.nn.init.normal_(parameter, std=0.1)
    net.save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUIApi]:
    """A server and a worker with the model that ships and a ControlNet for it."""
    data = tmp_path_factory.mktemp("controlnet")
    net = save_controlnet(data / "net")
    models = data / "models.toml"
    tables = {"models.emoji": EMOJI, "controlnets.edges": net}
    models.write_text(
        "\n".join(f'[{table}]\nsource = "{source}"' for table, source in tables.items())
    )
    with redis_in(data / "redis") as redis, connect_to_redis(redis.url) as connection:
        worker = WorkerProcess(connection, redis.url, data, models=models)
        try:
            with gunicorn(redis.url, data) as server:
                yield connect(server.url)
        finally:
            worker.close()


@pytest.mark.endpoint("POST /sdapi/v1/txt2img")
def test_a_controlnet_changes_a_real_picture_as_far_as_it_may_act(real: WebUIApi):
    assert real.controlnet_model_list() == ["edges"]
    source = PICTURE.resize((SIDE, SIDE))

    def made(*units: ControlNetUnit) -> Any:
        return real.txt2img(
            prompt="a star",
            seed=5,
            controlnet_units=list(units),
            # The client's own default is one object, which keeps the units of the last call.
            alwayson_scripts={},
            **QUICK,
        )

    plain, without = made(), made(ControlNetUnit(source, model="edges", weight=0.0))
    controlled = made(ControlNetUnit(source, module="invert", model="edges"))
    assert same(plain.image, without.image)
    assert not same(plain.image, controlled.image)
    (text,) = controlled.info["infotexts"]
    assert "ControlNet 0" in text
    found = ParserManager().parse(controlled.image)
    assert found is not None
    (sampler,) = found.samplers
    # A ControlNet is a model, but not the one that made the picture.
    assert sampler.model is not None
    assert sampler.model.name == "emoji"
