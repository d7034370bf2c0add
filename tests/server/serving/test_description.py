"""Models, samplers, health, metrics and the documentation."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from pydantic.json_schema import GenerateJsonSchema
from redis import Redis

from jobs.records import workers
from jobs.records.metrics import HISTOGRAMS, Metrics
from jobs.request.samplers import SAMPLERS
from server import openapi
from server.openapi import document_of
from server.pages import page
from tests.running.hand_worker import HandWorker, png
from tests.running.paths import API


def test_models_say_their_defaults_and_whether_they_are_warm(
    client: FlaskClient, worker: HandWorker
):
    [model] = client.get(f"{API}/models").json["models"]
    assert model["name"] == "small"
    assert (model["width"], model["steps"], model["sampler"]) == (64, 20, "pndm")
    assert model["live"]
    assert model["warm"]
    worker.withdraw()
    [model] = client.get(f"{API}/models").json["models"]
    assert not model["live"]


def test_models_say_what_a_request_may_ask_for(client: FlaskClient, worker: HandWorker):
    [model] = client.get(f"{API}/models").json["models"]
    most = model["limits"]
    request = {"prompt": "x", "steps": most["max_steps"] + 1, "count": most["max_count"] + 1}
    refused = client.post(f"{API}/jobs", json=request).json["errors"]
    assert {each["pointer"] for each in refused} == {"/steps", "/count"}
    assert most["max_width"] * most["max_height"] >= most["max_pixels"]
    side = most["max_enlarged_size"]
    assert side > most["max_width"]
    picture = "data:image/png;base64," + base64.b64encode(png(side // 2 + 1, 8)).decode()
    enlarging = {"kind": "upscale", "image": picture, "scale": 2}
    [error] = client.post(f"{API}/jobs", json=enlarging | {"strength": 0}).json["errors"]
    assert f"may be longer than {side}" in error["detail"]
    [error] = client.post(f"{API}/jobs", json=enlarging | {"strength": 0.3}).json["errors"]
    assert f"may be longer than {most['max_width']}" in error["detail"]


def test_models_say_on_which_workers_they_are_how_warm(client: FlaskClient, worker: HandWorker):
    [model] = client.get(f"{API}/models").json["models"]
    assert model["workers"] == [
        {"name": "hand", "device": "cpu", "state": "warm", "loaded": 1.0, "backend": "torch"}
    ]
    worker.info = worker.info.model_copy(update={"warm": [], "loading": {"small": 0.4}})
    worker.advertise()
    other = worker.info.model_copy(update={"name": "other", "device": "cuda:1", "loading": {}})
    workers.advertise(worker.redis, other)
    [model] = client.get(f"{API}/models").json["models"]
    assert [(each["device"], each["state"]) for each in model["workers"]] == [
        ("cpu", "loading"),
        ("cuda:1", "cold"),
    ]
    assert (model["state"], model["loaded"], model["warm"]) == ("loading", 0.4, False)
    for name in ("hand", "other"):
        workers.withdraw(worker.redis, name)
    [model] = client.get(f"{API}/models").json["models"]
    assert (model["state"], model["loaded"], model["workers"]) == ("cold", 0, [])


def test_samplers_are_those_that_a_request_may_name(client: FlaskClient):
    listed = client.get(f"{API}/samplers").json["samplers"]
    assert [each["name"] for each in listed] == list(SAMPLERS)
    packed = client.get(f"{API}/samplers", headers={"Accept-Encoding": "gzip"})
    assert packed.content_encoding == "gzip"
    assert json.loads(gzip.decompress(packed.data))["samplers"] == listed
    assert len(packed.data) < 2000


def test_health_is_of_this_process_and_readiness_of_the_whole(
    client: FlaskClient, worker: HandWorker
):
    assert client.get(f"{API}/health").json["status"] == "ok"
    assert client.get(f"{API}/ready").json == {"status": "ready", "workers": 1}
    worker.withdraw()
    assert client.get(f"{API}/health").status_code == 200
    answer = client.get(f"{API}/ready")
    assert answer.status_code == 503
    assert "worker" in answer.json["detail"]


def test_metrics_sum_what_all_workers_measured(
    client: FlaskClient, worker: HandWorker, redis: Redis
):
    for _ in range(2):
        metrics = Metrics()
        metrics.observe("forward_rows", "small", 8)
        metrics.observe("forward_rows", "small", 9)
        metrics.observe("job_seconds", 'a "label"\n', 10_000)
        metrics.count("jobs", "succeeded", 3)
        metrics.flush(redis)
    client.post(f"{API}/jobs", json={"prompt": "x"})
    longest = str(float(HISTOGRAMS["job_seconds"].buckets[-1]))
    answer = client.get(f"{API}/metrics")
    assert answer.content_type.startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert samples["darkroom_jobs_total", "succeeded"] == 6
    assert samples["darkroom_forward_rows_bucket", "4.0", "small"] == 0
    assert samples["darkroom_forward_rows_bucket", "8.0", "small"] == 2
    assert samples["darkroom_forward_rows_bucket", "16.0", "small"] == 4
    assert samples["darkroom_forward_rows_bucket", "+Inf", "small"] == 4
    assert samples["darkroom_forward_rows_count", "small"] == 4
    assert samples["darkroom_forward_rows_sum", "small"] == 34
    assert samples["darkroom_job_seconds_bucket", longest, 'a "label"\n'] == 0
    assert samples[("darkroom_queue_length",)] == 1
    assert samples[("darkroom_workers",)] == 1
    assert {"darkroom_step_seconds", "darkroom_queue_wait_seconds"} <= set(families)


def test_metrics_are_openmetrics_for_those_who_ask(client: FlaskClient, worker: HandWorker):
    headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = client.get(f"{API}/metrics", headers=headers)
    assert answer.content_type.startswith("application/openmetrics-text")
    assert any(family.name == "darkroom_workers" for family in openmetrics(answer.text))


def test_the_documentation_needs_no_network_and_without_the_page_no_script(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    answer = client.get(f"{API}/docs")
    assert answer.content_type == "text/html; charset=utf-8"
    for foreign in ("//", "src=", "<script", "@import"):
        assert foreign not in answer.text.replace("http://127.0.0.1:7860", "")
    links = re.findall(r"<link [^>]*href=\"([^\"]*)\"", answer.text)
    assert links
    assert all(link.startswith("/static/") for link in links)


def test_where_the_page_is_built_the_documentation_is_read_by_files_of_this_server(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "viewer.js").touch()
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    answer = client.get(f"{API}/docs")
    named = re.findall(r"(?:src|href)=\"(/static[^\"]*)\"", answer.text)
    assert {each for each in named if each.endswith(".js")} == {
        "/static/app/docs/swagger-ui-bundle.js",
        "/static/app/docs/viewer.js",
    }
    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    assert "unsafe-eval" not in answer.headers["Content-Security-Policy"]


def test_the_documentation_shows_every_route_and_every_field(app: Flask, client: FlaskClient):
    text = client.get(f"{API}/docs").text
    document = client.get(f"{API}/openapi.json").json
    for path in document["paths"]:
        assert path in text
    for field in document["components"]["schemas"]["GenerationRequest"]["properties"]:
        assert f"<code>{field}</code>" in text


@pytest.mark.parametrize(
    "path", ["/", f"{API}/jobs", f"{API}/models", f"{API}/health", f"{API}/docs", f"{API}/metrics"]
)
def test_head_is_get_without_a_body(client: FlaskClient, worker: HandWorker, path: str):
    head = client.head(path, buffered=True)
    assert head.status_code == 200
    assert head.data == b""
    assert head.content_type == client.get(path, buffered=True).content_type


def test_a_json_schema_is_built_once_and_not_for_each_request(
    app: Flask, client: FlaskClient, worker: HandWorker, monkeypatch: pytest.MonkeyPatch
):
    def ask_for_everything() -> None:
        for path, item in document_of(app)["paths"].items():
            for method in item:
                # What it answers does not matter: parameters are read before.
                client.open(re.sub(r"{\w+}", "x", path), method=method.upper(), json={})

    built: list[Any] = []
    generate = GenerateJsonSchema.generate

    def build(self: GenerateJsonSchema, *args: Any, **kwargs: Any) -> Any:
        built.append(args)
        return generate(self, *args, **kwargs)

    ask_for_everything()
    monkeypatch.setattr(GenerateJsonSchema, "generate", build)
    ask_for_everything()
    assert not built


def test_the_version_is_looked_up_once_and_not_for_each_request(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    said = client.get(f"{API}/health").json["version"]

    def gone(name: str) -> str:
        raise AssertionError(f"{name} was looked up again")

    monkeypatch.setattr(openapi, "version", gone)
    assert client.get(f"{API}/health").json["version"] == said
