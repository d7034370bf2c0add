"""`darkroom up` as a whole: Redis, the API and a worker with the model that ships."""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from darkroom import machine
from jobs.connection import connect
from jobs.records import workers
from tests.running.processes.up import Running
from tests.up.scan import printed_code, scan

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    started = Running(tmp_path_factory.mktemp("up") / "data", _free_port())
    try:
        # What it says last: the address comes a moment before.
        started.wait_for("curl http")
        yield started
    finally:
        started.end()


def test_it_says_its_address_and_a_command_to_try(running: Running) -> None:
    assert "Ready after" in running.said()
    assert running.url in running.said()


def test_the_code_that_it_prints_pairs_one_phone(running: Running) -> None:
    addresses = machine.lan_addresses()
    if not addresses:
        pytest.skip("this machine is on no network: there is nobody to pair")
    base, port = f"http://{addresses[0]}", running.environment["PORT"]
    scanned = scan(printed_code(running.said()))
    assert scanned.startswith(f"{base}:{port}/pair#")
    assert scanned in running.said(), "for whom has no camera"
    assert "darkroom pair" in running.said()

    with httpx.Client(base_url=f"{base}:{port}/api/v1") as phone:
        assert phone.get("/jobs").status_code == 401
        asked = {"code": scanned.partition("#")[2], "name": "Test phone"}
        paired = phone.post("/pair", json=asked)
        assert paired.status_code == 201
        phone.headers["Authorization"] = f"Bearer {paired.json()['token']}"
        assert phone.get("/jobs").status_code == 200
        assert phone.post("/pair", json=asked).status_code == 403


def test_pair_prints_another_code(running: Running) -> None:
    made = running.run("pair")
    assert made.returncode == 0, made.stderr
    scanned = scan(printed_code(made.stdout))
    if machine.lan_addresses():
        assert f":{running.environment['PORT']}/pair#" in scanned
        assert scanned not in running.said()


def test_a_second_one_says_what_is_running_and_starts_nothing(running: Running) -> None:
    before = {each.pid for each in running.family()}
    second = running.run("up")

    assert second.returncode == 0
    assert f"already running: {running.url} (process {running.process.pid})" in second.stdout
    assert {each.pid for each in running.family()} == before


def test_another_with_the_same_port_says_who_has_it(running: Running, tmp_path: Path) -> None:
    other = Running(tmp_path / "data", int(running.environment["PORT"]))

    assert other.process.wait(30) == 1
    assert "is in use by" in other.said()
    assert f"PORT={int(running.environment['PORT']) + 1}" in other.said()


@pytest.mark.slow
def test_generate_saves_the_pictures(running: Running, tmp_path: Path) -> None:
    command = ["generate", "red apple", "--steps", "2", "--count", "2", "--seed", "7"]
    made = running.run(*command, "-o", str(tmp_path / "apple.png"))

    assert made.returncode == 0, made.stderr
    assert (tmp_path / "apple-1.png").read_bytes().startswith(PNG)
    assert (tmp_path / "apple-2.png").read_bytes().startswith(PNG)
    assert "seed 8" in made.stdout


@pytest.mark.slow
def test_generate_tells_the_field_that_is_wrong(running: Running) -> None:
    made = running.run("generate", "red apple", "--steps", "9999")

    assert made.returncode == 1
    assert made.stderr.startswith("--steps: ")
    assert "Traceback" not in made.stderr


def test_models_lists_what_the_server_offers(running: Running) -> None:
    listed = running.run("models")

    assert listed.returncode == 0
    assert "emoji *" in listed.stdout


def test_doctor_finds_nothing_wrong(running: Running) -> None:
    found = running.run("doctor")

    assert found.returncode == 0, found.stdout
    assert "Nothing is wrong." in found.stdout


def test_a_killed_redis_comes_back_with_what_it_had(running: Running) -> None:
    redis = connect(running.redis_url())
    redis.set("test:kept", "yes")
    # It syncs every second: what was written just before a kill may be lost.
    assert redis.execute_command("WAITAOF", 1, 0, 5000) == [1, 0]
    before = running.child("-server ")
    before.kill()
    running.wait_until(lambda: not before.is_running() and running.ready(), 20)

    assert redis.get("test:kept") == b"yes"


def test_a_killed_api_comes_back(running: Running) -> None:
    before = running.child("gunicorn")
    before.kill()
    running.wait_until(
        lambda: (now := running.children("gunicorn")) and before not in now and running.ready(), 20
    )


@pytest.mark.timeout(300)
def test_a_job_of_a_killed_worker_is_made_by_the_next(running: Running) -> None:
    redis = connect(running.redis_url())
    before = running.child("worker.main")
    request = {"prompt": "red apple", "steps": 30}
    job = httpx.post(f"{running.url}/api/v1/jobs", json=request, timeout=30).json()
    running.wait_until(lambda: _job(running, job)["status"] == "running", 20)
    before.kill()
    running.wait_until(lambda: _job(running, job)["status"] == "succeeded", 240)

    assert _job(running, job)["attempts"] == 2
    # At once, not when its lease or its entry runs out.
    assert running.child("worker.main").cmdline()[-1] in [each.name for each in workers.live(redis)]
    assert "1 jobs of" in running.said()


def test_ctrl_c_finishes_the_job_and_leaves_no_process(running: Running) -> None:
    request = {"prompt": "red apple", "steps": 30}
    job = httpx.post(f"{running.url}/api/v1/jobs", json=request, timeout=30).json()
    running.wait_until(lambda: _job(running, job)["status"] == "running", 20)
    family = running.family()
    running.process.send_signal(signal.SIGINT)

    assert running.process.wait(40) == 0, running.said()
    assert [each for each in family if each.is_running()] == []
    data = Path(running.environment["DATA"])
    assert not (data / "up.json").exists()
    assert len(list((data / "images").rglob(f"{job['id']}*.png"))) == 1


@pytest.mark.slow
def test_a_killed_one_leaves_no_orphan_and_the_next_one_starts(tmp_path: Path) -> None:
    port = _free_port()
    first = Running(tmp_path / "data", port)
    try:
        first.wait_for("API", 30)
        family = first.family()
        assert len(family) >= 3  # Redis, the API, the worker, and what they started
    finally:
        first.process.kill()
        first.process.wait()
    second = Running(tmp_path / "data", port)
    try:
        second.wait_until(lambda: second.said().count("API  ") == 2, 40)
        gone, alive = psutil.wait_procs(family, timeout=15)
        assert alive == [], gone
    finally:
        second.end()


@pytest.mark.slow
def test_an_open_server_with_tls_warns_and_serves_https(tmp_path: Path) -> None:
    running = Running(tmp_path / "data", _free_port(), "--open", "--tls")
    try:
        running.wait_for("Ready after")
        assert "https://127.0.0.1" in running.said()
        if addresses := machine.lan_addresses():
            assert "WARNING: OPEN lets everybody" in running.said()
            assert printed_code(running.said()) == ""
            url = f"https://{addresses[0]}:{running.environment['PORT']}/api/v1/jobs"
            trusting = ssl.create_default_context(cafile=tmp_path / "data" / "tls" / "ca.crt")
            assert httpx.get(url, verify=trusting).status_code == 200
        made = running.run("models")
        assert made.returncode == 0, made.stderr
    finally:
        running.end()


@pytest.mark.slow
def test_one_address_as_host_still_knows_its_owner_on_loopback(tmp_path: Path) -> None:
    if not machine.lan_addresses():
        pytest.skip("this machine is on no network")
    host = machine.lan_addresses()[0]
    running = Running(tmp_path / "data", _free_port(), HOST=host)
    try:
        running.wait_for("Ready after")
        assert httpx.get(f"{running.url}/api/v1/jobs").status_code == 200
        far = running.url.replace("127.0.0.1", host)
        assert httpx.get(f"{far}/api/v1/jobs").status_code == 401
    finally:
        running.end()


@pytest.mark.slow
def test_an_api_that_hangs_is_started_again(tmp_path: Path) -> None:
    running = Running(tmp_path / "data", _free_port())
    try:
        running.wait_for("Ready after")
        hung = running.child("gunicorn")
        for each in (*hung.children(), hung):
            each.suspend()
        running.wait_for("The API has not answered", 60)
        running.wait_until(lambda: running.ready() and running.child("gunicorn") != hung, 30)
    finally:
        running.end()


@pytest.mark.slow
def test_a_worker_that_cannot_start_ends_it_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text("this is no TOML")
    running = Running(tmp_path / "data", _free_port(), MODELS=str(tmp_path / "models.toml"))
    try:
        assert running.process.wait(120) == 1
        assert "models.toml" in running.said()
        assert "Worker 1 ended 3 times" in running.said()
    finally:
        running.end()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("BLOCKED_PROMPTS", "/nowhere/list", "/nowhere/list cannot be read: No such file or dir"),
        ("DEVICE", "gpu", "DEVICE=gpu cannot be used here: "),
    ],
)
def test_a_setting_that_this_machine_cannot_follow_ends_it_with_a_sentence(
    tmp_path: Path, name: str, value: str, reason: str
) -> None:
    running = Running(tmp_path / "data", _free_port(), **{name: value})
    try:
        assert running.process.wait(120) == 1
        assert reason in running.said()
        assert "Traceback" not in running.said()
    finally:
        running.end()


def _job(running: Running, job: dict[str, Any]) -> dict[str, Any]:
    try:
        return httpx.get(f"{running.url}/api/v1/jobs/{job['id']}", timeout=5).json()
    except httpx.HTTPError:
        return {"status": "unknown"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
