"""Whatever is sent, the answer is a 4xx that names the field and the limit, never a 500."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.running.hand_worker import HandWorker
from tests.running.paths import API

JOBS = f"{API}/jobs"


def send(client: FlaskClient, body: str | bytes, content_type: str = "application/json") -> Any:
    return client.post(JOBS, data=body, content_type=content_type)


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        ({"steps": 500}, "/steps", "must be at most 150; it is 500"),
        ({"steps": 0}, "/steps", "must be at least 1; it is 0"),
        ({"steps": "20"}, "/steps", 'must be a whole number; it is "20"'),
        ({"steps": 20.5}, "/steps", "must be a whole number; it is 20.5"),
        ({"steps": True}, "/steps", "must be a whole number; it is true"),
        ({"count": 17}, "/count", "must be at most 16; it is 17"),
        ({"count": None}, "/count", "must be a whole number; it is null"),
        ({"seed": -1}, "/seed", "must be at least 0; it is -1"),
        ({"seed": 2**32}, "/seed", "must be less than 4294967296; it is 4294967296"),
        ({"seed": 10**4000}, "/seed", "must be less than 4294967296; it is 1000"),
        ({"guidance_scale": 51}, "/guidance_scale", "must be at most 50"),
        ({"guidance_scale": "7"}, "/guidance_scale", "must be a number"),
        ({"guidance_scale": float("nan")}, "/guidance_scale", "must be a finite number"),
        ({"guidance_scale": float("inf")}, "/guidance_scale", "must be a finite number"),
        ({"width": 4096}, "/width", "must be at most 2048; it is 4096"),
        ({"width": 100}, "/width", "multiple of 8 for the model small; the nearest is 96"),
        ({"height": 65}, "/height", "the nearest is 64"),
        ({"prompt": ""}, "/prompt", "must say what to draw; it is empty"),
        ({"prompt": " \n"}, "/prompt", "it is empty"),
        ({"prompt": "x" * 10_001}, "/prompt", "must be at most 10000 characters; it has 10001"),
        ({"prompt": ["x"]}, "/prompt", "must be a string; it is an array"),
        ({"negative_prompt": None}, "/negative_prompt", "must be a string; it is null"),
        ({"model": "sdxl"}, "/model", "no model is named 'sdxl'; there are: small"),
        ({"sampler": "zigzag"}, "/sampler", "no sampler is named 'zigzag'; there are dpmpp_2m, "),
        ({"kind": "video"}, "/kind", "'variations' or 'walk'; it is \"video\""),
        ({"priority": "urgent"}, "/priority", "'low', 'normal' or 'high'"),
        ({"metadata": []}, "/metadata", "must be an object; it is an array"),
        ({"metadata": {"a": "x" * 5000}}, "/metadata", "at most 4096 bytes"),
        ({"metadata": {"a": float("nan")}}, "/metadata/a", "must be a finite number"),
        ({"metadata": {"a/b": {"c~": [float("inf")]}}}, "/metadata/a~1b/c~0/0", "finite"),
        ({"sterps": 20}, "/sterps", "is not a field of this request"),
    ],
)
def test_a_wrong_field_is_named_with_its_limit(
    client: FlaskClient, worker: HandWorker, fields: dict[str, Any], pointer: str, words: str
):
    answer = send(client, json.dumps({"prompt": "x", **fields}))
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert words in answer.json["errors"][0]["detail"]


def test_all_errors_come_at_once(client: FlaskClient, worker: HandWorker):
    answer = send(client, json.dumps({"steps": 0, "seed": "x", "foo": 1}))
    pointers = {error["pointer"] for error in answer.json["errors"]}
    assert pointers == {"/steps", "/seed", "/foo"}


def test_a_wrong_value_is_not_echoed_at_length(client: FlaskClient, worker: HandWorker):
    answer = send(client, json.dumps({"prompt": "x", "steps": "9" * 100_000}))
    assert len(answer.data) < 1000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "line 1 column 0"),
        ("{", "line 1 column 1"),
        ('{"prompt": "x",}', "line 1 column 16"),
        ('{"prompt": "x"\n"steps": 1}', "line 2 column 1"),
        ("{'prompt': 'x'}", "line 1 column 2"),
        (b"\x80{", "line 1 column 1"),
        (b"\xff\xfe{", "truncated data"),
        ('{"prompt": "\\ud800"}', "line 1"),
        ('{"prompt": "a\x00b"}', "line 1"),
        ("[" * 100_000, "recursion"),
        ('{"a":' * 10_000, "recursion"),
        ('{"prompt": "x", "seed": ' + "9" * 10_000 + "}", "line 1"),
    ],
)
def test_what_is_not_json_is_400_with_the_place(
    client: FlaskClient, worker: HandWorker, body: str | bytes, words: str
):
    answer = send(client, body)
    assert answer.status_code == 400
    assert words in answer.json["detail"]


@pytest.mark.parametrize("body", ["null", "[]", '"text"', '"{\\"prompt\\": \\"x\\"}"', "1", "true"])
def test_json_that_is_no_object_is_refused(client: FlaskClient, worker: HandWorker, body: str):
    answer = send(client, body)
    assert answer.status_code == 422
    assert answer.json["errors"] == [{"pointer": "", "detail": "must be a JSON object"}]


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_another_content_type_is_415_and_names_the_right_one(
    client: FlaskClient, worker: HandWorker, content_type: str
):
    answer = send(client, '{"prompt": "x"}', content_type)
    assert answer.status_code == 415
    assert "application/json" in answer.json["detail"]
    assert answer.headers["Accept-Post"].startswith("application/json, multipart/form-data, image/")


def test_a_charset_beside_the_content_type_is_fine(client: FlaskClient, worker: HandWorker):
    answer = send(client, '{"prompt": "x"}', "application/json; charset=utf-8")
    assert answer.status_code == 202


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_may_be_in_another_unicode_and_begin_with_its_mark(
    client: FlaskClient, worker: HandWorker, encoding: str
):
    body = '{"prompt": "Äpfel 🍎"}'.encode(encoding)
    answer = client.post(f"{API}/jobs", data=body, content_type="application/json")
    assert answer.status_code == 202, answer.text
    assert answer.json["input"]["prompt"] == "Äpfel 🍎"


def test_half_a_character_of_utf_16_is_no_json(client: FlaskClient, worker: HandWorker):
    body = '{"prompt": "x"}'.encode("utf-16") + b"\x00"
    answer = client.post(f"{API}/jobs", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert "not JSON" in answer.json["detail"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP, gzip"])
def test_a_compressed_body_is_refused_for_being_compressed(
    client: FlaskClient, worker: HandWorker, encoding: str
):
    body = gzip.compress(b'{"prompt": "x"}')
    answer = client.post(
        f"{API}/jobs",
        data=body,
        content_type="application/json",
        headers={"Content-Encoding": encoding},
    )
    assert answer.status_code == 415
    assert f"Content-Encoding {encoding.lower()}" in answer.json["detail"]
    assert answer.headers["Accept-Encoding"] == "identity"


def test_thirty_four_megabytes_of_prompt_are_413(client: FlaskClient, worker: HandWorker):
    answer = send(client, json.dumps({"prompt": "x" * 34_000_000}))
    assert answer.status_code == 413
    assert "33554432 bytes" in answer.json["detail"]


def test_odd_characters_in_a_prompt_are_kept(client: FlaskClient, worker: HandWorker):
    prompt = "a\tb\nc \u202e🍎 \\ \" ' <script>"
    answer = send(client, json.dumps({"prompt": prompt}))
    assert answer.status_code == 202
    assert client.get(answer.headers["Location"]).json["input"]["prompt"] == prompt


@pytest.mark.parametrize("control", ["\0", "\x1b", "\x07", "\x7f", "\x9b", "\x0b", "\u2028"])
def test_a_control_character_in_a_prompt_becomes_a_space(
    client: FlaskClient, worker: HandWorker, control: str
):
    fields = {"prompt": f"a{control}b", "negative_prompt": f"c{control}\r\nd\re"}
    answer = send(client, json.dumps(fields))
    assert answer.status_code == 202
    kept = client.get(answer.headers["Location"]).json["input"]
    assert (kept["prompt"], kept["negative_prompt"]) == ("a b", "c \nd\ne")


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
@pytest.mark.parametrize(
    "job_id", ["x", "%00", "%2e%2e", "a%2fb", "%F0%9F%8D%8E", "0" * 32, "x" * 5000, "*", "%ff"]
)
def test_any_unknown_job_is_404(client: FlaskClient, worker: HandWorker, method: str, job_id: str):
    suffix = "/cancel" if method == "POST" else ""
    answer = client.open(f"{JOBS}/{job_id}{suffix}", method=method)
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
