"""Prompts, names and logs: what people write reaches nothing that it could break."""

from __future__ import annotations

import io
import json
import logging
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from redis import Redis

from jobs import logs
from jobs.pictures.image_store import ImageStore
from jobs.request.checks import blocklist
from jobs.request.checks.blocklist import BadBlocklist
from jobs.request.request import GenerationRequest
from jobs.settings import Settings
from tests.running.api import gunicorn
from tests.running.hand_worker import HandWorker, png
from tests.running.paths import API

JOBS = f"{API}/jobs"
TRICKS = [
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "a/../../b",
    "file:///etc/passwd",
    "x\r\nSet-Cookie: a=b",
    "x\0.png",
    "\u202egnp.exe",
    "C:\\windows",
    "0" * 32 + "-0/../x",
    "0" * 32 + "-0\n",
]


@pytest.mark.parametrize("name", TRICKS)
@pytest.mark.parametrize(
    "fields",
    [
        lambda name: {"model": name},
        lambda name: {"loras": [{"name": name}]},
        lambda name: {"prompt": f"pear <lora:{name}:1>"},
        lambda name: {"kind": "image-to-image", "image": name},
        lambda name: {"controls": [{"model": name, "image": name}]},
        lambda name: {"kind": "upscale", "upscaler": name, "image": name},
        lambda name: {"hires": {"upscaler": name}},
        lambda name: {"sampler": name},
        lambda name: {"schedule": name},
    ],
)
def test_a_name_is_never_a_path(client: FlaskClient, worker: HandWorker, name: str, fields: Any):
    body = {"prompt": "pear"} | fields(name)
    answer = client.post(JOBS, json=body)
    if answer.status_code == 202:  # what is no LoRA tag stays a word of the prompt
        assert answer.json["input"]["loras"] == []
    else:
        assert answer.status_code == 422
        assert "root:" not in answer.text
        for error in answer.json["errors"]:
            assert "\r" not in error["detail"]
            assert "\n" not in error["detail"]


@pytest.mark.parametrize("name", TRICKS)
def test_a_picture_id_is_never_a_path(client: FlaskClient, store: ImageStore, name: str):
    with pytest.raises(FileNotFoundError):
        store.read(name)
    answer = client.get(f"{API}/images/{name.replace(chr(0), '%00')}")
    assert answer.status_code in (404, 308)
    assert "Set-Cookie" not in answer.headers


def test_a_download_is_named_by_its_id_alone(client: FlaskClient, worker: HandWorker):
    job = client.post(JOBS, json={"prompt": 'a"; filename="evil.exe\r\nX-Evil: 1'})
    [image] = worker.run(job.json["id"])
    answer = client.get(f"{API}/images/{image}?download=true")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="darkroom-{image}.png"'
    assert "X-Evil" not in answer.headers


@given(text=st.text(max_size=200))
def test_no_text_gets_a_control_character_into_a_prompt(text: str):
    kept = GenerationRequest(prompt=text).prompt
    assert all(each.isprintable() or each in "\n\t" or ord(each) > 0x9F for each in kept)
    plain = "".join(each for each in text if each.isprintable())
    assert [each for each in kept if each.isprintable() and each != " "] == [
        each for each in plain if each != " "
    ]


# --- the list of what no prompt may say


@pytest.fixture
def blocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "blocked.txt"
    path.write_text("# ours\nforbidden\nSTRASSE 7\n/gr[ae]y\\s+area/\n\n")
    chosen = Settings(blocked_prompts=path)
    monkeypatch.setattr(blocklist, "settings", lambda: chosen)
    return path


@pytest.mark.parametrize(
    "prompt",
    [
        "a forbidden thing",
        "FORBIDDEN",
        "(forbidden:1.4)",
        "for(bid)den",
        "f\u200borbidden",
        "".join(chr(ord(each) + 0xFEE0) for each in "forbidden"),
        "Straße 7",
        "strasse\n7",
        "strasse_7",
        "a Gray  area",
    ],
)
def test_what_the_list_has_is_refused_and_not_told(
    client: FlaskClient, worker: HandWorker, blocked: Path, prompt: str
):
    answer = client.post(JOBS, json={"prompt": f"please, {prompt}, now"})
    assert answer.status_code == 422
    [error] = answer.json["errors"]
    assert error["pointer"] == "/prompt"
    for word in ("forbidden", "strasse", "gr[ae]y", str(blocked)):
        assert word not in answer.text.casefold()


@pytest.mark.parametrize("prompt", ["unforbidden", "a pear", "strasse 71", "forbid den"])
def test_what_only_resembles_the_list_is_taken(
    client: FlaskClient, worker: HandWorker, blocked: Path, prompt: str
):
    assert client.post(JOBS, json={"prompt": prompt}).status_code == 202


def test_the_list_holds_for_a_recipe_but_not_for_a_negative_prompt(
    client: FlaskClient, worker: HandWorker, blocked: Path
):
    fine = {"prompt": "pear", "negative_prompt": "forbidden"}
    assert client.post(JOBS, json=fine).status_code == 202
    text = PngInfo()
    text.add_text("parameters", "forbidden\nSteps: 20, Sampler: DDIM, Seed: 1, Size: 64x64")
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=text)
    answer = client.post(JOBS, data=file.getvalue(), content_type="image/png")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/prompt"


def test_a_changed_list_is_read_and_a_broken_one_is_not(
    client: FlaskClient, worker: HandWorker, blocked: Path, caplog: pytest.LogCaptureFixture
):
    assert client.post(JOBS, json={"prompt": "quince"}).status_code == 202
    blocked.write_text("quince\n")
    assert client.post(JOBS, json={"prompt": "quince"}).status_code == 422
    blocked.write_text("/(/\nother words that are longer\n")
    assert client.post(JOBS, json={"prompt": "quince"}).status_code == 422
    assert "line 1" in caplog.text


@pytest.mark.parametrize("text", ["/[/", None])
def test_a_list_that_cannot_be_read_names_its_place(tmp_path: Path, text: str | None):
    path = tmp_path / "blocked.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadBlocklist, match=r"BLOCKED_PROMPTS: .*blocked\.txt"):
        blocklist.read(path)


# --- logs


def line_of(message: str, *arguments: object, error: BaseException | None = None) -> str:
    record = logging.LogRecord("x", logging.INFO, "f", 1, message, arguments, None)
    if error is not None:
        record.exc_info = (type(error), error, None)
    return logs.Formatter().format(record)


@pytest.mark.parametrize(
    "forged",
    ["a\n2026-01-01 00:00:00 ERROR x: forged", "\x1b[2J", "\r", "\0", "\x9b", "\u2028", "\u202e"],
)
def test_a_message_is_one_line_that_steers_nothing(forged: str):
    line = line_of("device %s paired", forged)
    assert line.isprintable()
    assert len(line.splitlines()) == 1


def test_an_exception_cannot_forge_a_record():
    text = line_of("it broke", error=ValueError("x\n2026-01-01 00:00:00 ERROR x: forged\x1b[0m"))
    assert "\x1b" not in text
    for line in text.splitlines()[1:]:
        assert line.startswith("    ")


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v1/images/x?expires=99&signature=SECRETSECRET HTTP/1.1",
        "Authorization: Bearer SECRETSECRET",
        "{'Authorization': 'Basic SECRETSECRET'}",
        "Cookie: darkroom=SECRETSECRET; other=SECRETSECRET",
        "redis://user:SECRETSECRET@host:6379/0",
        "https://host/pair?code=SECRETSECRET",
        "HF_TOKEN=SECRETSECRET",
        '{"token": "SECRETSECRET"}',
        "dk_SECRETSECRET was given",
        "hf_SECRETSECRET",
        "whsec_SECRETSECRET",
        "s3_secret='SECRETSECRET'",
        "password: SECRETSECRET",
    ],
)
def test_a_secret_does_not_reach_the_log(text: str):
    assert "SECRETSECRET" not in line_of("%s", text)
    assert "SECRETSECRET" not in line_of("it broke", error=ValueError(text))


@pytest.mark.parametrize("text", ["40 tokens in 2 chunks", "job 12 succeeded", "exit code: 4"])
def test_what_is_no_secret_stays(text: str):
    assert line_of("%s", text).endswith(text)


def test_prompts_are_logged_only_if_asked(monkeypatch: pytest.MonkeyPatch):
    assert logs.prompt_words("a pear") == ""
    chosen = Settings(log_prompts=True)
    monkeypatch.setattr(logs, "settings", lambda: chosen)
    assert logs.prompt_words("a pear") == ' "a pear"'


def test_a_validation_error_does_not_hold_the_prompt():
    with pytest.raises(ValueError, match="validation error") as caught:
        GenerationRequest(prompt="private words" * 2000)
    assert "private words" not in str(caught.value)


def test_the_servers_log_has_no_prompt_no_secret_and_no_forged_line(
    redis: Redis, redis_url: str, tmp_path: Path
):
    HandWorker(redis, ImageStore(str(tmp_path / "images"))).advertise()
    with gunicorn(redis_url, tmp_path, log_level="DEBUG") as server, server.client() as client:
        client.post("/jobs", json={"prompt": "private words\nERROR forged"})
        client.post("/jobs", json={"prompt": "private words", "steps": "x"})
        client.get("/images/x%0aERROR%20forged?expires=1&signature=SECRETSECRET")
        client.get("/jobs", headers={"Authorization": "Bearer dk_SECRETSECRET"})
        client.get(
            "/jobs", headers={"User-Agent": "\x1b[31mred", "Cookie": "darkroom=SECRETSECRET"}
        )
        with_picture = {"kind": "image-to-image", "image": "data:image/png;base64,AAAA"}
        client.post("/jobs", json={"prompt": "private words"} | with_picture)
        metrics = httpx.get(f"{server.url}{API}/metrics").text
    log = (tmp_path / "server.log").read_text()
    assert "GET /api/v1/jobs" in log, "at DEBUG each request has a line"
    for said in (log, metrics):
        assert "private words" not in said
        assert "SECRETSECRET" not in said
        assert "\x1b" not in said
    assert not [line for line in log.splitlines() if line.startswith("ERROR")]


def test_no_setting_is_in_an_error_body(client: FlaskClient, worker: HandWorker, redis_url: str):
    bodies = [
        client.post(JOBS, json={"prompt": "x", "model": "nope"}).text,
        client.get(f"{API}/images/{'0' * 32}-0").text,
        client.post(JOBS, json={"image": "x", "kind": "image-to-image"}).text,
        client.post(JOBS, data=png()[:40], content_type="image/png").text,
        client.get(f"{API}/nothing").text,
    ]
    for body in bodies:
        assert json.loads(body)["type"].startswith("urn:darkroom:")
        for secret in (redis_url, os.getcwd(), "Traceback", ".py"):
            assert secret not in body
