"""Pictures that come with a request: as data URIs, as files, by the id of an earlier one."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from jobs import devices
from jobs.pictures.image_store import ImageStore, input_id
from jobs.queue import queue
from jobs.records.record import read
from server.resources import of
from tests.running.hand_worker import HandWorker, png
from tests.running.paths import API

JOBS = f"{API}/jobs"


def data_uri(picture: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def start(client: FlaskClient, **fields: Any) -> Any:
    body = {"kind": "image-to-image", "prompt": "pear", "image": data_uri(png())} | fields
    return client.post(JOBS, json=body)


def post_form(client: FlaskClient, fields: dict[str, Any]) -> Any:
    """A large form in memory; the client's own would be in a file that nobody closes."""
    boundary, body = encode_multipart(fields)
    return client.post(JOBS, data=body, content_type=f"multipart/form-data; boundary={boundary}")


def stored(store: ImageStore, image: str) -> Image.Image:
    return Image.open(io.BytesIO(store.read(image)))


def files(store: ImageStore) -> int:
    return len(store._fs.find(store._root)) if store._fs.exists(store._root) else 0  # pyright: ignore[reportPrivateUsage] counts what is kept


def problem(answer: Any) -> tuple[str, str]:
    assert answer.status_code == 422, answer.text
    [error] = answer.json["errors"]
    return error["pointer"], error["detail"]


def test_what_is_transparent_is_told_to_be_white(
    client: FlaskClient, worker: HandWorker, store: ImageStore
):
    enlarged = {"kind": "upscale", "strength": 0}
    glass = data_uri(png(color="#ff000080", mode="RGBA"))
    for fields in ({}, enlarged):
        job = start(client, image=glass, **fields).json
        [note] = job["notes"]
        assert (note["pointer"], note["wording"]["code"]) == ("/image", "was-transparent")
        assert stored(store, job["input"]["image"]).getpixel((0, 0)) == (255, 127, 127)
    # A channel that hides nothing is no transparency.
    assert start(client, image=data_uri(png(mode="RGBA")), **enlarged).json["notes"] == []


def test_a_data_uri_is_kept_beside_the_job(
    client: FlaskClient, worker: HandWorker, store: ImageStore
):
    answer = start(client)
    assert answer.status_code == 202, answer.text
    image = answer.json["input"]["image"]
    assert image == input_id(answer.json["id"], 0)
    kept = stored(store, image)
    assert (kept.mode, kept.size, kept.getpixel((5, 5))) == ("RGB", (64, 48), (255, 0, 0))


def test_a_kept_picture_has_a_signed_url(client: FlaskClient, worker: HandWorker):
    [picture] = start(client).json["pictures"]
    assert picture["pointer"] == "/image"
    answer = client.get(picture["url"])
    assert (answer.status_code, answer.content_type) == (200, "image/png")
    assert client.get(picture["url"].replace("signature=", "signature=0")).status_code == 403


def test_the_size_follows_the_picture(client: FlaskClient, worker: HandWorker):
    made = start(client, image=data_uri(png(400, 200))).json["input"]
    assert made["width"] / made["height"] == pytest.approx(2, rel=0.15)
    # What is drawn of a part goes back into the whole, which the job says before there is one.
    photograph, white = data_uri(png(400, 200)), data_uri(png(400, 200, "white"))
    painted = start(client, kind="inpaint", image=photograph, mask=white).json
    assert (painted["input"]["width"], painted["width"], painted["height"]) == (64, 400, 200)
    larger = start(client, kind="upscale", image=photograph, scale=1.5, strength=0.0).json
    assert (larger["width"], larger["height"]) == (600, 300)


def test_a_file_is_a_picture(client: FlaskClient, worker: HandWorker, store: ImageStore):
    body = {
        "kind": "inpaint",
        "prompt": "1e3",
        "steps": "7",
        "guidance_scale": "4.5",
        "mask_invert": "true",
        "metadata": '{"from": "phone"}',
        "negative_prompt": "",
        "seed": "",
        "image": (io.BytesIO(png(color="blue")), "photo.xyz", "application/x-wrong"),
        "mask": (io.BytesIO(png(color="black")), "mask.png"),
    }
    answer = client.post(JOBS, data=body, content_type="multipart/form-data")
    assert answer.status_code == 202, answer.text
    made = answer.json["input"]
    assert (made["prompt"], made["steps"], made["guidance_scale"]) == ("1e3", 7, 4.5)
    assert made["mask_invert"] is True
    assert made["metadata"] == {"from": "phone"}
    assert stored(store, made["image"]).getpixel((0, 0)) == (0, 0, 255)
    mask = stored(store, made["mask"])
    assert (mask.mode, mask.getpixel((0, 0))) == ("L", 0)


def test_one_part_may_hold_all_fields_and_others_go_before_it(
    client: FlaskClient, worker: HandWorker
):
    fields = {"kind": "image-to-image", "prompt": "pear", "steps": 9, "seed": 3}
    body = {"request": json.dumps(fields), "steps": "4", "image": (io.BytesIO(png()), "a.png")}
    answer = client.post(JOBS, data=body, content_type="multipart/form-data")
    assert answer.status_code == 202, answer.text
    assert (answer.json["input"]["steps"], answer.json["input"]["seed"]) == (4, 3)


def test_a_picture_may_come_as_a_text_part(client: FlaskClient, worker: HandWorker):
    noise = Image.effect_noise((900, 900), 90)
    file = io.BytesIO()
    noise.save(file, "PNG")
    body = {"kind": "image-to-image", "prompt": "x", "image": data_uri(file.getvalue())}
    assert len(body["image"]) > 600_000
    answer = post_form(client, body)
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        ({"steps": "many"}, "/steps", 'must be a whole number; it is "many"'),
        ({"steps": "4.5"}, "/steps", "must be a whole number"),
        ({"exact": "on"}, "/exact", 'must be true or false; it is "on"'),
        ({"sterps": "4"}, "/sterps", "is not a field of this request"),
        ({"request": "[]"}, "/request", "must be a JSON object"),
        ({"steps": ["4", "5"]}, "/steps", "came 2 times"),
        ({"prompt": (io.BytesIO(b"x"), "x.txt")}, "/prompt", "is no file"),
        ({"control_0": (io.BytesIO(b"x"), "x.png")}, "/control_0", "does not have"),
        ({"upload": (io.BytesIO(b"x"), "x.png")}, "/upload", "is not a field of this request"),
    ],
)
def test_a_part_that_does_not_fit_is_named(
    client: FlaskClient, worker: HandWorker, fields: dict[str, Any], pointer: str, words: str
):
    body = {"prompt": "x"} | fields
    found, detail = problem(client.post(JOBS, data=body, content_type="multipart/form-data"))
    assert found == pointer
    assert words in detail


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--x\r\nContent-Disposition: form-data; name=prompt\r\n\r\ncat", "; boundary=x"),
        (b"rubbish", "; boundary=x"),
        (b"--x--", ""),
    ],
)
def test_a_broken_form_is_400(
    client: FlaskClient, worker: HandWorker, body: bytes, content_type: str
):
    kind = "multipart/form-data" + content_type
    answer = client.post(JOBS, data=body, content_type=kind)
    assert answer.status_code == 400, answer.text
    assert "multipart/form-data" in answer.json["detail"]


def test_a_part_that_is_not_json_is_400(client: FlaskClient, worker: HandWorker):
    answer = client.post(JOBS, data={"request": "{"}, content_type="multipart/form-data")
    assert answer.status_code == 400
    assert "line 1 column 1" in answer.json["detail"]


def test_a_form_that_is_too_large_is_413(client: FlaskClient, worker: HandWorker):
    body = {"prompt": "x", "image": FileStorage(io.BytesIO(b"x" * 34_000_000), "a.png")}
    answer = post_form(client, body)
    assert answer.status_code == 413
    assert "33554432 bytes" in answer.json["detail"]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (
            "data:image/png;base64,AAAA",
            "must be a PNG, JPEG, WebP, HEIC, AVIF, GIF",
        ),
        ("data:image/png;base64,???", "is not base64"),
        ("data:image/png,hello", "only base64 is taken"),
        (base64.b64encode(png()).decode(), "put `data:image/png;base64,` before it"),
        ("https://example.org/cat.png", "is a URL, and those are not fetched"),
        ("file:///etc/passwd", "there is no picture"),
        ("part:image", "there is no picture"),
        (f"{'0' * 32}-0", "there is no picture"),
        ("../../etc/passwd", "there is no picture"),
    ],
)
def test_what_is_no_picture_is_422(
    client: FlaskClient, worker: HandWorker, store: ImageStore, image: str, words: str
):
    before = files(store)
    pointer, detail = problem(start(client, image=image))
    assert pointer == "/image"
    assert words in detail
    assert files(store) == before


def test_every_wrong_picture_is_named_at_once(client: FlaskClient, worker: HandWorker):
    answer = start(client, kind="inpaint", image="nothing", mask="data:x")
    assert [error["pointer"] for error in answer.json["errors"]] == ["/image", "/mask"]


def test_a_request_that_is_refused_keeps_no_picture(
    client: FlaskClient, worker: HandWorker, store: ImageStore
):
    before = files(store)
    assert problem(start(client, model="sdxl"))[0] == "/model"
    assert problem(start(client, kind="text-to-image"))[0] == "/image"
    assert files(store) == before


def test_a_full_queue_keeps_no_picture(
    client: FlaskClient, worker: HandWorker, store: ImageStore, monkeypatch: pytest.MonkeyPatch
):
    assert start(client).status_code == 202
    before = files(store)
    full = queue.settings().model_copy(update={"max_queue": 1})
    monkeypatch.setattr(queue, "settings", lambda: full)
    assert start(client).status_code == 429
    assert files(store) == before


def test_an_earlier_picture_is_copied_and_outlives_its_job(
    client: FlaskClient, worker: HandWorker, store: ImageStore
):
    first = client.post(JOBS, json={"prompt": "apple"}).json["id"]
    [output] = worker.run(first)
    second = start(client, image=output).json
    third = start(client, image=second["input"]["image"]).json
    assert client.delete(f"{JOBS}/{first}").status_code == 204
    assert client.delete(f"{JOBS}/{second['id']}").status_code == 204
    assert stored(store, third["input"]["image"]).size == (64, 48)
    for gone in (output, second["input"]["image"]):
        pointer, detail = problem(start(client, image=gone))
        assert pointer == "/image"
        assert f'no picture "{gone}" of yours' in detail


def test_another_owners_picture_is_not_there(app: Flask, client: FlaskClient, worker: HandWorker):
    mine = client.post(JOBS, json={"prompt": "apple"}).json["id"]
    record = read(worker.redis, mine)
    assert record
    other = queue.submit(of(app).redis, record.request, "bert")
    [output] = worker.run(other.id)
    _, token = devices.create(worker.redis, "phone")
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    assert "of yours" in problem(start(client, image=output))[1]


def test_a_picture_that_is_not_made_yet_is_not_there(client: FlaskClient, worker: HandWorker):
    job = client.post(JOBS, json={"prompt": "apple"}).json["id"]
    assert "there is no picture" in problem(start(client, image=f"{job}-0"))[1]


def test_a_deleted_job_takes_the_pictures_along_that_it_started_from(
    client: FlaskClient, worker: HandWorker, store: ImageStore
):
    before = files(store)
    job = start(client, kind="inpaint", mask=data_uri(png(mode="L", color="white"))).json
    assert files(store) == before + 2
    assert client.delete(f"{JOBS}/{job['id']}").status_code == 204
    assert files(store) == before


def form(boundary: str) -> tuple[bytes, str]:
    """The same form as another sending of it has it."""
    parts = {b"kind": b"image-to-image", b"prompt": b"x", b'image"; filename="a.png': png()}
    body = b"".join(
        b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        % (boundary.encode(), name, value)
        for name, value in parts.items()
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def test_a_form_that_is_sent_twice_is_one_job_with_one_picture(
    client: FlaskClient, worker: HandWorker, store: ImageStore
):
    before = files(store)
    made: list[Any] = []
    for boundary in ("first", "second"):
        body, kind = form(boundary)
        made.append(
            client.post(JOBS, data=body, content_type=kind, headers={"Idempotency-Key": "form"})
        )
    assert [answer.status_code for answer in made] == [202, 202]
    assert made[0].json["input"] == made[1].json["input"]
    assert files(store) == before + 1


def test_a_refused_picture_does_not_use_up_the_key(client: FlaskClient, worker: HandWorker):
    key = {"Idempotency-Key": "again"}
    body = {"kind": "image-to-image", "prompt": "x"}
    assert client.post(JOBS, json=body | {"image": "no"}, headers=key).status_code == 422
    good = client.post(JOBS, json=body | {"image": data_uri(png())}, headers=key)
    assert good.status_code == 202


def test_a_store_that_is_away_is_503_and_no_job(
    client: FlaskClient, worker: HandWorker, monkeypatch: pytest.MonkeyPatch
):
    def away(*_: object) -> None:
        raise OSError("away")

    monkeypatch.setattr("jobs.pictures.image_store.ImageStore.put", away)
    answer = start(client)
    assert answer.status_code == 503
    assert "store" in answer.json["detail"]
    assert client.get(JOBS).json["jobs"] == []


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"controls": [[]]}, "control_0"),
        ({"ip_adapters": [[[]]]}, "ip_adapter_0"),
        ({"ip_adapters": [[[]]]}, "ip_adapter_0_1"),
        ({"regions": [[]]}, "region_0"),
    ],
)
def test_a_file_for_what_is_none_of_its_kind_is_refused(
    client: FlaskClient, worker: HandWorker, fields: dict[str, Any], part: str
):
    file = FileStorage(io.BytesIO(png()), "x.png")
    answer = post_form(client, {"request": json.dumps({"prompt": "x"} | fields), part: file})
    assert answer.status_code == 422, answer.text
    assert answer.json["errors"][0]["pointer"] == f"/{part}"
