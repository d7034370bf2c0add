"""Backups of servers that run: restored elsewhere, every job and picture is there and goes on."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from darkroom.backup import snapshot
from darkroom.backup.archive import BadBackup
from darkroom.backup.backup import make
from darkroom.backup.restore import restore
from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from jobs.settings import Settings
from server.app import create_app
from server.resources import of
from tests.running.hand_worker import HandWorker, png
from tests.running.paths import API
from tests.running.processes.program import run
from tests.running.services.redis import oldest_redis_in, redis_in
from tests.running.site import Site, site_in
from tests.running.waiting import until

QUICK = {"prompt": "cat face, 3d", "steps": 4, "sampler": "ddim", "seed": 7}
LONG = QUICK | {"steps": 60, "exact": True}


def darkroom(
    *arguments: str | Path, data: Path, redis_url: str = "", given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """A `darkroom` command."""
    environment = {**os.environ, "DATA": str(data), "REDIS_URL": redis_url, "IMAGE_STORE": ""}
    words = map(str, arguments)
    return run("darkroom", *words, given=given, environment=environment, seconds=60)


class Caller:
    """Sends jobs to a whole server and looks at them."""

    def __init__(self, api: httpx.Client) -> None:
        self.api = api

    def send(self, **fields: Any) -> str:
        answer = self.api.post(f"{API}/jobs", json=fields)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def job(self, job_id: str) -> dict[str, Any]:
        return self.api.get(f"{API}/jobs/{job_id}").json()

    def ended(self, job_id: str) -> dict[str, Any]:
        until(lambda: self.job(job_id)["status"] in ("succeeded", "failed"), 90, every=0.1)
        return self.job(job_id)

    def picture(self, job: dict[str, Any]) -> bytes:
        [output] = job["outputs"]
        return self.by_url(output["url"])

    def by_url(self, url: str) -> bytes:
        answer = self.api.get(url)
        assert answer.status_code == 200, answer.text
        return answer.content


@contextmanager
def calling(site: Site) -> Iterator[Caller]:
    with httpx.Client(base_url=site.url, timeout=60) as api:
        yield Caller(api)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_running_server_is_restored_with_every_job_and_the_queued_ones_are_made(tmp_path: Path):
    with site_in(tmp_path / "one", capacity=1) as site, calling(site) as caller:
        done = caller.ended(caller.send(**QUICK))
        picture = caller.picture(done)
        token = darkroom(
            *("token", "create", "--name", "phone"), data=site.data, redis_url=site.redis_url
        ).stdout
        running = caller.send(**LONG)
        until(lambda: (caller.job(running).get("progress") or {"step": 0})["step"] > 2)
        site.worker.send(signal.SIGSTOP)  # so that it runs for as long as this takes
        queued = caller.send(**QUICK | {"prompt": "red apple"})
        starts_from = caller.send(**QUICK, kind="image-to-image", image=done["outputs"][0]["id"])
        canceled = caller.send(**QUICK)
        caller.api.post(f"{API}/jobs/{canceled}/cancel")
        backup = darkroom(
            "backup", tmp_path / "backup.tar", data=site.data, redis_url=site.redis_url
        )
        assert backup.returncode == 0, backup.stderr
        assert caller.job(running)["status"] == "running"
        site.worker.send(signal.SIGCONT)
        # What is made after the backup is not in it.
        later = caller.send(**QUICK)
        same = caller.picture(caller.ended(running))
    assert (tmp_path / "backup.tar").stat().st_mode & 0o077 == 0

    restored = darkroom("restore", tmp_path / "backup.tar", data=tmp_path / "two")
    assert restored.returncode == 0, restored.stderr
    assert restored.stdout.startswith(b"Restored: 5 jobs and "), restored.stdout
    assert b"1 jobs ran when the backup was made" in restored.stdout
    assert b"deleted" not in restored.stdout

    with site_in(tmp_path / "two", capacity=1) as site, calling(site) as caller:
        assert caller.job(done["id"])["outputs"][0]["id"] == done["outputs"][0]["id"]
        assert caller.picture(caller.job(done["id"])) == picture
        assert caller.by_url(done["outputs"][0]["url"]) == picture
        for job_id in (queued, starts_from):
            assert caller.ended(job_id)["status"] == "succeeded"
        again = caller.ended(running)
        assert (again["status"], again["attempts"]) == ("succeeded", 1)
        assert caller.picture(again) == same
        assert caller.job(canceled)["status"] == "canceled"
        assert caller.api.get(f"{API}/jobs/{later}").status_code == 404
        listed = {job["id"] for job in caller.api.get(f"{API}/jobs").json()["jobs"]}
        assert listed == {done["id"], running, queued, starts_from, canceled}
        key = {"Authorization": f"Bearer {token.decode().strip()}", "X-Forwarded-For": "10.0.0.9"}
        assert caller.api.get(f"{API}/jobs", headers=key).status_code == 200


class Server:
    """A Redis with ended jobs, and their pictures."""

    def __init__(self, redis: Redis, redis_url: str, data: Path) -> None:
        self.redis_url = redis_url
        self.data = data
        self.store = ImageStore(str(data / "images"))
        self.worker = HandWorker(redis, self.store)

    def make(self, count: int) -> list[str]:
        """So many jobs with a picture each; the pictures' ids."""
        self.worker.advertise()
        app = create_app(self.redis_url, str(self.data / "images"))
        client = app.test_client()
        jobs = [client.post(f"{API}/jobs", json=QUICK).json["id"] for _ in range(count)]
        of(app).close()
        return [image for job in jobs for image in self.worker.run(job)]

    def darkroom(self, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        return darkroom(*arguments, data=self.data, redis_url=self.redis_url)


@pytest.fixture
def server(redis: Redis, redis_url: str, tmp_path: Path) -> Server:
    return Server(redis, redis_url, tmp_path / "one")


@pytest.mark.slow
def test_a_folder_is_brought_up_to_date(server: Server, tmp_path: Path):
    first, second = server.make(2)
    folder = tmp_path / "backup"
    assert b"2 pictures, 2 of them new" in server.darkroom("backup", folder).stderr
    server.store.delete(first)
    [third] = server.make(1)
    assert b"2 pictures, 1 of them new" in server.darkroom("backup", folder).stderr
    assert {path.stem for path in folder.glob("images/*/*")} == {second, third}
    assert {path.name for path in folder.iterdir()} == {
        "manifest.json",
        "redis.rdb",
        "images",
        "complete.json",
    }
    done = darkroom("restore", folder, data=tmp_path / "two")
    assert b"Restored: 3 jobs and 2 pictures." in done.stdout, done.stderr
    assert first.encode() in done.stdout, "it names what is missing"


@pytest.mark.slow
def test_the_standard_streams_carry_a_backup_out_of_a_container(server: Server, tmp_path: Path):
    server.make(1)
    out = server.darkroom("backup", "-")
    assert out.returncode == 0, out.stderr
    done = darkroom("restore", "-", data=tmp_path / "two", given=out.stdout)
    assert b"Restored: 1 jobs and 1 pictures." in done.stdout, done.stderr


@pytest.mark.slow
def test_another_redis_than_ones_own_is_restored_to(server: Server, tmp_path: Path):
    [image] = server.make(1)
    make(server.redis_url, server.store, tmp_path / "backup.tar")
    with redis_in(tmp_path / "other") as other, connect(other.url) as redis:
        url = other.url.removesuffix("/0") + "/3"
        arguments = ("restore", tmp_path / "backup.tar")
        done = darkroom(*arguments, data=tmp_path / "two", redis_url=url)
        assert b"Restored: 1 jobs" in done.stdout, done.stderr
        redis.select(3)
        assert redis.exists(f"rq:job:{image.partition('-')[0]}")
        assert ImageStore(str(tmp_path / "two" / "images")).size(image)
        shutil.rmtree(tmp_path / "two" / "images")
        again = darkroom(*arguments, data=tmp_path / "two", redis_url=url)
        assert (again.returncode, again.stdout) == (1, b"")
        assert again.stderr == (
            b"Nothing is restored: there are keys already in the Redis of REDIS_URL.\n"
        )


def test_restoring_refuses_what_is_not_empty_and_leaves_it_alone(server: Server, tmp_path: Path):
    [image] = server.make(1)
    make(server.redis_url, server.store, tmp_path / "backup.tar")
    two = tmp_path / "two"
    (two / "redis").mkdir(parents=True)
    (two / "redis" / "appendonly.aof").write_text("jobs")
    refused = darkroom("restore", tmp_path / "backup.tar", data=two)
    expected = f"Nothing is restored: there are data already in {two}/redis.\n"
    assert (refused.returncode, refused.stderr.decode()) == (1, expected)
    assert (two / "redis" / "appendonly.aof").read_text() == "jobs"
    shutil.rmtree(two / "redis")
    ImageStore(str(two / "images")).put(image, png())
    refused = darkroom("restore", tmp_path / "backup.tar", data=two)
    expected = f"Nothing is restored: there are pictures already in {two}/images.\n"
    assert (refused.returncode, refused.stderr.decode()) == (1, expected)
    assert not (two / "redis").exists()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_its_end(path: Path) -> None:
    with tarfile.open(path) as tar:
        members = [(each, (file := tar.extractfile(each)) and file.read()) for each in tar]
    with tarfile.open(path, "w") as tar:
        for member, content in members[:-1]:
            tar.addfile(member, io.BytesIO(content or b""))


def of_zeros(path: Path) -> None:
    path.write_bytes(bytes(20_000))


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(cut, marks=pytest.mark.slow),
        pytest.param(without_its_end, marks=pytest.mark.slow),
        pytest.param(of_zeros, marks=pytest.mark.slow),
    ],
)
def test_half_a_backup_restores_nothing(
    server: Server, tmp_path: Path, harm: Callable[[Path], None]
):
    server.make(1)
    make(server.redis_url, server.store, tmp_path / "backup.tar")
    harm(tmp_path / "backup.tar")
    with pytest.raises(BadBackup):
        restore(Settings(data=tmp_path / "two", image_store=None), tmp_path / "backup.tar")
    left = [path for path in (tmp_path / "two").rglob("*") if path.is_file()]
    assert {path.name for path in left} <= {"up.lock"}


def test_a_folder_with_something_else_in_it_is_left_alone(server: Server, tmp_path: Path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to-anna.txt").write_text("dear")
    refused = server.darkroom("backup", tmp_path / "letters")
    assert refused.returncode == 1
    assert b"neither empty nor an earlier backup" in refused.stderr
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["to-anna.txt"]


@pytest.mark.slow
@pytest.mark.parametrize("start", [redis_in, oldest_redis_in])
def test_the_snapshot_of_any_redis_is_the_beginning_of_an_append_only_file(
    start: Callable[[Path], RedisServer], tmp_path: Path
):
    with start(tmp_path / "one") as one, connect(one.url) as redis:
        redis.set("big", os.urandom(3_000_000))
        redis.mset({f"key:{n}": n for n in range(1000)})
        taken = tmp_path / "redis.rdb"
        snapshot.take(one.url, taken)
        snapshot.take(one.url, taken)  # as often as one likes
        before = redis.get("big")
    (tmp_path / "two").mkdir()
    taken.rename(tmp_path / "two" / "appendonly.aof")
    with start(tmp_path / "two") as two, connect(two.url) as redis:
        assert redis.dbsize() == 1001
        assert redis.get("big") == before
