"""Traces by OpenTelemetry, received by a real receiver."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis

from jobs.machine_settings import REPOSITORY
from jobs.pictures.image_store import ImageStore
from tests.running.api import gunicorn
from tests.running.hand_worker import HandWorker
from tests.running.waiting import until
from tests.running.worker import WorkerProcess

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")
otlp = pytest.importorskip("tests.running.services.otlp")

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OUTSIDE = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
"""As a caller sends it who traces his own work."""


def ended(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        check=True,
    )


def test_a_request_and_its_job_belong_to_the_trace_of_who_asked(
    redis: Redis, redis_url: str, tmp_path: Path
):
    HandWorker(redis, ImageStore(str(tmp_path / "images"))).advertise()
    with (
        otlp.receiver() as receiver,
        gunicorn(redis_url, tmp_path, **receiver.environment) as server,
        server.client() as client,
    ):
        job = client.post("jobs", json={"prompt": "x"}, headers=OUTSIDE).json()["id"]
        client.get("jobs/none")
        until(lambda: receiver.named("submit") and receiver.named("GET /api/v1/jobs/<job_id>"))
        (request,) = receiver.named("POST /api/v1/jobs")
        (submit,) = receiver.named("submit")
        (other,) = receiver.named("GET /api/v1/jobs/<job_id>")
    assert (request.trace, request.parent, request.service) == (TRACE, SPAN, "darkroom-api")
    assert request.attributes["http.response.status_code"] == 202
    assert (submit.trace, submit.parent) == (TRACE, request.id)
    assert submit.attributes["darkroom.job"] == job
    assert other.trace != TRACE
    assert other.attributes["http.response.status_code"] == 404
    assert not [span for span in receiver.spans if "health" in span.name]


@pytest.mark.slow
def test_a_trace_leads_from_the_request_through_the_queue_to_the_store(
    redis: Redis, redis_url: str, tmp_path: Path
):
    with otlp.receiver() as receiver:
        worker = WorkerProcess(redis, redis_url, tmp_path, **receiver.environment)
        try:
            with (
                gunicorn(redis_url, tmp_path, **receiver.environment) as server,
                server.client() as client,
            ):
                job = client.post(
                    "jobs", json={"prompt": "red apple", "count": 2}, headers=OUTSIDE
                ).json()["id"]
                until(lambda: receiver.named("run") and receiver.named("submit"))
        finally:
            worker.close()
    spans = {span.name: span for span in receiver.spans if span.trace == TRACE}
    assert len({span.trace for span in receiver.spans}) == 1
    submit, run = spans["submit"], spans["run"]
    assert spans["wait"].parent == run.parent == submit.id
    assert run.service == "darkroom-worker"
    assert run.attributes["darkroom.job"] == job
    assert run.attributes["darkroom.outcome"] == "succeeded"
    for part in ("prepare", "make", "encode", "store"):
        assert spans[part].parent == run.id
        assert spans[part].seconds <= run.seconds + 0.01
    assert len(receiver.named("store")) == 2


@pytest.mark.parametrize(
    "environment",
    [
        {},
        *(
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", name: value}
            for name, value in (("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none"))
        ),
    ],
)
@pytest.mark.slow
def test_who_does_not_ask_for_traces_pays_nothing(environment: dict[str, str]):
    script = (
        "import sys; from jobs import tracing; from server.app import create_app; create_app()\n"
        "tracing.set_up('x')\n"
        "assert tracing.begin('x') is tracing.NOTHING\n"
        # Redis's client looks by itself for what it may measure with.
        "sends = ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'google.protobuf')\n"
        "print([name for name in sys.modules if name.startswith(sends)])"
    )
    assert ended(script, **environment).stdout.strip() == "[]"


def test_who_asks_without_the_extra_is_told_how_to_get_it():
    script = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from jobs import logs, tracing; logs.set_up('x'); tracing.set_up('x'); tracing.shut_down()"
    )
    told = ended(script, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1").stderr
    assert "pip install 'darkroom[otel]'" in told


def test_a_receiver_that_is_away_holds_up_nobody():
    script = (
        "from jobs import tracing; tracing.set_up('x')\n"
        "for number in range(5000): tracing.begin('x').end()\n"
        "tracing.shut_down()"
    )
    began = time.monotonic()
    ended(script, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert time.monotonic() - began < 20
