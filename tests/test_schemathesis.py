"""schemathesis reads the served document and sends what it allows and what it forbids."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from darkroom.machine import lan_addresses
from jobs import devices
from jobs.additions import additions, uploads
from jobs.devices import Role
from jobs.pictures.image_store import ImageStore
from jobs.request.model_card import AddOn
from server.openapi import UPLOAD
from tests.running.api import Server, gunicorn
from tests.running.errands import PLACE, answered
from tests.running.hand_worker import CARD, HandWorker
from tests.running.paths import API

SECONDS = 5
"""For all its phases: a few hundred requests."""

EXCLUDED = "positive_data_acceptance,allow_header_conformance"
"""The checks left out: a model's name, a cursor and a size are right or wrong for reasons that a
schema cannot say, so a request that fits the schema may still be refused with 422. And a model may
be named `search`, so that Allow names a model's methods there too."""

ON_THE_MACHINE = "ignored_auth"
"""Left out as well where the machine itself asks, since it needs no token."""

HOOKS = f"""
import schemathesis

schemathesis.serializer.alias("{UPLOAD}", "application/octet-stream")
"""
"""How the pieces of an upload are sent."""

LENIENT = """
[[operations]]
include-path-regex = "^/api/v1/models/uploads$"
checks.negative_data_rejection.expected-statuses = [201, 401, 403, 404, 422, "5xx"]
"""
"""Of a request that is headers alone, one that nobody knows is no reason to refuse it."""


@pytest.fixture
def there(redis_url: str, redis: Redis, tmp_path: Path) -> Iterator[Server]:
    """The API for every address of this machine, with a worker and a picture."""
    worker = HandWorker(redis, ImageStore(str(tmp_path / "images")))
    add_on = AddOn(name="soft", title="Soft")
    worker.info.models = [CARD.model_copy(update={"loras": [add_on]})]
    with (
        answered(redis, worker),
        gunicorn(redis_url, tmp_path, host="0.0.0.0") as server,
    ):
        with server.client() as client:
            job_id = client.post("jobs", json={"prompt": "red apple"}).json()["id"]
        [image] = worker.run(job_id)
        device, _ = devices.create(redis, "to be revoked")
        # Without things that are there, only the 404s of their routes would be seen.
        config = tmp_path / "schemathesis.toml"
        known = {
            "path.image_id": image,
            "path.device_id": device.id,
            "path.model": CARD.name,
            "path.worker": worker.info.name,
            "path.kind": "lora",
            "path.add_on": add_on.name,
            "path.upload_id": uploads.create(redis, 5, "word.safetensors", None).id,
            "path.addition_id": _addition(redis),
        }
        lines = [f'"{name}" = "{value}"' for name, value in known.items()]
        (tmp_path / "hooks.py").write_text(HOOKS)
        config.write_text("\n".join(['hooks = "hooks.py"', "[parameters]", *lines, LENIENT]))
        over = threading.Event()
        alive = threading.Thread(target=_stay_alive, args=(worker, over))
        alive.start()
        try:
            yield server
        finally:
            over.set()
            alive.join()


def _addition(redis: Redis) -> str:
    """One that has ended, so that its events end as well."""
    addition = additions.create(
        redis,
        source="someone/something",
        name="something-else",
        kind="model",
        place=PLACE,
        total=5,
        plan={},
    )
    additions.cancel(redis, addition.id)
    return addition.id


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_no_request_gets_an_answer_that_the_document_does_not_know(there: Server, tmp_path: Path):
    said = run(there.url, tmp_path, "--exclude-checks", f"{EXCLUDED},{ON_THE_MACHINE}")
    # A worker or a picture that a body names is or is not there, whatever is told of paths.
    missing = re.search(r"Missing test data.*?((?:\n *)+- [^\n]+)+", said, re.DOTALL)
    named = re.findall(r" - (.+)", missing[0]) if missing else []
    assert set(named) <= {"POST /api/v1/models/additions", "POST /api/v1/archives"}
    assert "nobody foresaw" not in (tmp_path / "server.log").read_text()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "role",
    [
        pytest.param("user", marks=pytest.mark.slow),
        pytest.param("admin", marks=pytest.mark.slow),
        # What each route answers to whom is asked by tests/door as well, route by route.
        pytest.param(None, marks=pytest.mark.slow),
    ],
)
def test_from_elsewhere_every_route_wants_a_token_that_is_one(
    there: Server, redis: Redis, tmp_path: Path, role: Role | None
):
    addresses = lan_addresses()
    if not addresses:
        pytest.skip("this machine has no address but loopback, so nobody could call from elsewhere")
    url = there.url.replace("127.0.0.1", addresses[0])
    # The document is only for those who may come in, so it is read on the machine itself.
    document = tmp_path / "openapi.json"
    with there.client() as client:
        document.write_text(client.get("openapi.json").text)
    options = ["--exclude-checks", EXCLUDED, "--url", url]
    if role:
        _, token = devices.create(redis, role, role)
        options += ["--header", f"Authorization: Bearer {token}"]
    run(str(document), tmp_path, *options)
    assert "nobody foresaw" not in (tmp_path / "server.log").read_text()


def run(document: str, folder: Path, *options: str) -> str:
    """Have schemathesis try everything; returns what it said."""
    if document.startswith("http"):
        document += f"{API}/openapi.json"
    command = [
        *(sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", str(folder / "schemathesis.toml"), "run", "--checks", "all"),
        *("--phases", "examples,coverage,fuzzing,stateful"),
        *("--max-time", str(SECONDS), "--request-timeout", "10", "--no-color"),
        *options,
        document,
    ]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280)
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
    selected = re.search(r"(\d+) selected / (\d+) total", result.stdout)
    assert selected
    assert selected[1] == selected[2]
    return result.stdout


def _stay_alive(worker: HandWorker, over: threading.Event) -> None:
    while not over.wait(2):
        worker.advertise()
