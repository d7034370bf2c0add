"""The API on the newest and on the oldest Redis, and on one whose memory or disk is full."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError, ResponseError

from darkroom.supervision.redis_server import RedisServer, check
from jobs import devices
from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from jobs.records.record import read
from tests.running.api import gunicorn
from tests.running.hand_worker import HandWorker
from tests.running.services.redis import oldest_redis_in, redis_in
from tests.running.waiting import until

KEY = {"Idempotency-Key": "5f6c"}
BODY = {"prompt": "x"}


@pytest.fixture(scope="module", params=["newest", "oldest"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A Redis of this kind."""
    kind = oldest_redis_in if request.param == "oldest" else redis_in
    with kind(tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def url(server: RedisServer, folder: Path) -> Iterator[str]:
    chosen = {"requests_per_minute": 10_000, "pictures_per_day": 1000}
    with gunicorn(server.url, folder, webhook_allow="127.0.0.1/32", **chosen) as api:
        yield f"{api.url}/api/v1/"


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=20) as client:
        yield client


@pytest.fixture
def redis(server: RedisServer) -> Iterator[Redis]:
    client = connect(server.url)
    client.config_set("maxmemory", 0)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def worker(redis: Redis, folder: Path) -> HandWorker:
    worker = HandWorker(redis, ImageStore(str(folder / "images")))
    worker.advertise()
    return worker


def fill(redis: Redis) -> None:
    """Leave Redis no byte for anything new, whatever is freed meanwhile."""
    redis.config_set("maxmemory", 1)
    with pytest.raises(OutOfMemoryError):
        redis.set("more", "x")


@contextmanager
def no_room_on_disk(server: RedisServer, redis: Redis) -> Iterator[None]:
    """Redis can write nothing to its append-only file meanwhile."""
    assert server.process
    pid = server.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        until(lambda: not _writes(redis))
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        until(lambda: _writes(redis))


def _writes(redis: Redis) -> bool:
    with suppress(ResponseError):
        return bool(redis.set("more", "x"))
    return False


def test_a_job_goes_its_whole_way(client: httpx.Client, worker: HandWorker, redis: Redis):
    hook = {"webhook": {"url": "http://127.0.0.1:9/hook"}}
    sent = [client.post("jobs", json=BODY | hook, headers=KEY) for _ in range(2)]
    assert [each.status_code for each in sent] == [202, 202], sent[0].text
    assert len({each.json()["id"] for each in sent}) == 1
    job = sent[0].json()["id"]
    worker.run(job)
    assert client.get(f"jobs/{job}").json()["status"] == "succeeded"
    assert "event: done" in client.get(f"jobs/{job}/events").text
    assert client.get("jobs?q=x").json()["jobs"][0]["id"] == job
    other = client.post("jobs", json=BODY).json()["id"]
    assert client.post(f"jobs/{other}/cancel").json()["status"] == "canceled"
    assert client.delete(f"jobs/{job}").status_code == 204
    assert client.get(f"jobs/{job}").status_code == 404
    code = devices.new_code(redis)
    assert client.post("pair", json={"code": code, "name": "phone"}).status_code == 201
    assert len(client.get("devices").json()["devices"]) == 1


def test_the_doctor_finds_it_new_enough(server: RedisServer):
    _, problems = check(server.url)
    assert problems == []


@pytest.mark.parametrize("hooked", [False, True], ids=["plain", "with a webhook"])
def test_a_full_memory_is_said_and_jobs_are_canceled_and_deleted_nevertheless(
    client: httpx.Client, worker: HandWorker, redis: Redis, hooked: bool
):
    hook = {"webhook": {"url": "http://127.0.0.1:9/hook"}} if hooked else {}
    waiting, running, done = (client.post("jobs", json=BODY | hook).json()["id"] for _ in range(3))
    worker.begin(running)
    worker.run(done)
    fill(redis)
    full = client.post("jobs", json=BODY, headers=KEY)
    assert full.status_code == 503
    assert full.json()["type"] == "urn:darkroom:redis-full"
    assert int(full.headers["Retry-After"]) > 0

    assert client.post(f"jobs/{waiting}/cancel").json()["status"] == "canceled"
    assert not redis.llen("rq:queue:small/normal/127.0.0.1")
    assert client.post(f"jobs/{running}/cancel").status_code == 200
    record = read(redis, running)
    assert record
    assert record.cancel_requested
    assert len(client.get("jobs").json()["jobs"]) == 3
    for job in (waiting, running, done):
        assert client.delete(f"jobs/{job}").status_code == 204
        assert client.get(f"jobs/{job}").status_code == 404

    redis.config_set("maxmemory", 0)
    assert client.post("jobs", json=BODY, headers=KEY).status_code == 202


def test_a_full_disk_is_said_and_everything_is_read_nevertheless(
    client: httpx.Client, worker: HandWorker, server: RedisServer, redis: Redis
):
    done, waiting = (client.post("jobs", json=BODY).json()["id"] for _ in range(2))
    worker.run(done)
    # What signs the URLs of pictures is made when it is needed first.
    assert client.get(f"jobs/{done}").json()["outputs"]
    with no_room_on_disk(server, redis):
        refused = client.post("jobs", json=BODY)
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:darkroom:redis-disk-full"

        listed = {"jobs": [waiting, done], "jobs?q=x": [waiting, done]}
        for path, ids in {**listed, "jobs?status=queued": [waiting]}.items():
            # A new connection is tried before it is used, as one is that stood still for long.
            redis.client_kill_filter(_type="normal", skipme=True)
            answer = client.get(path)
            assert answer.status_code == 200, answer.text
            assert [each["id"] for each in answer.json()["jobs"]] == ids
        for path in (f"jobs/{done}", "state", "models"):
            redis.client_kill_filter(_type="normal", skipme=True)
            assert client.get(path).status_code == 200
        _, problems = check(server.url)
        assert problems == ["Its last write to disk failed. Is the disk full?"]
    assert client.post("jobs", json=BODY).status_code == 202


def test_two_who_cancel_and_delete_at_once_do_it_once(client: httpx.Client, worker: HandWorker):
    job = client.post("jobs", json=BODY).json()["id"]
    for _ in range(2):
        assert client.post(f"jobs/{job}/cancel").json()["status"] == "canceled"
    events = client.get(f"jobs/{job}/events").text
    assert events.count("event: done") == 1
    assert client.delete(f"jobs/{job}").status_code == 204
    assert client.delete(f"jobs/{job}").status_code == 404
