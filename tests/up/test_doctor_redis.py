"""What the doctor finds in a Redis that answers: each finding on a real one, where it can be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from darkroom.commands.doctor import command as doctor
from darkroom.commands.doctor import redis as doctor_redis
from darkroom.commands.doctor.findings import Finding
from darkroom.supervision.redis_server import RedisMissing, RedisServer, check
from jobs.settings import Settings
from tests.running.addresses import free_port


@pytest.fixture
def chosen(redis_url: str, tmp_path: Path) -> Settings:
    return Settings(redis_url=redis_url, data=tmp_path)


@pytest.fixture
def changed(redis: Redis) -> Iterator[Redis]:
    """A Redis whose settings are put back after the test."""
    names = ("appendonly", "maxmemory", "maxmemory-policy", "maxclients")
    before = {name: redis.config_get(name)[name] for name in names}
    yield redis
    for name, value in before.items():
        redis.config_set(name, value)


def found(redis: Redis, chosen: Settings, what: str) -> Finding:
    return next(each for each in doctor_redis.running_redis(redis, chosen) if each.what == what)


def test_a_redis_as_make_up_starts_it_is_fine(redis: Redis, chosen: Settings):
    findings = list(doctor_redis.running_redis(redis, chosen))
    assert [each.what for each in findings] == ["keeps", "clock", "room", "clients"]
    assert {each.mark for each in findings} == {"ok"}, findings


def test_without_an_append_only_file_it_is_wrong(changed: Redis, chosen: Settings):
    changed.config_set("appendonly", "no")
    finding = found(changed, chosen, "keeps")
    assert (finding.mark, finding.says[:17]) == ("WRONG", "appendonly is off")


@pytest.mark.parametrize(
    ("apart", "mark", "words"),
    [(15, "WRONG", "15 s ahead of"), (-15, "WRONG", "15 s behind"), (3, "note", "3 s ahead of")],
)
def test_a_clock_that_differs_is_told(
    redis: Redis,
    chosen: Settings,
    monkeypatch: pytest.MonkeyPatch,
    apart: int,
    mark: str,
    words: str,
):
    now = time.time
    monkeypatch.setattr(doctor_redis.time, "time", lambda: now() + apart + 0.4)
    finding = found(redis, chosen, "clock")
    assert finding.mark == mark
    assert words in finding.says


@pytest.mark.parametrize(("share", "mark"), [(0.5, "ok"), (0.9, "note"), (0.99, "WRONG")])
def test_it_warns_before_the_memory_is_full(
    changed: Redis, chosen: Settings, share: float, mark: str
):
    used = int(changed.info("memory")["used_memory"])
    changed.config_set("maxmemory", int(used / share))
    assert found(changed, chosen, "room").mark == mark


def test_a_policy_that_drops_jobs_is_wrong(changed: Redis, chosen: Settings):
    changed.config_set("maxmemory", 10**9)
    changed.config_set("maxmemory-policy", "allkeys-lru")
    finding = found(changed, chosen, "room")
    assert finding.mark == "WRONG"
    assert "would drop jobs" in finding.says


def test_fewer_connections_than_the_api_may_open_are_wrong(changed: Redis, chosen: Settings):
    changed.config_set("maxclients", 100)
    finding = found(changed, chosen, "clients")
    assert finding.mark == "WRONG"
    assert "may open 176" in finding.says


def test_the_doctor_says_it_all(redis: Redis, chosen: Settings):
    said = {each.what for each in doctor.redis(chosen)}
    assert {"redis", "keeps", "clock", "room", "clients", "worker"} <= said


def test_a_cluster_is_refused_with_a_sentence(tmp_path: Path):
    class Cluster(RedisServer):
        def _command(self) -> list[str]:
            return [*super()._command(), "--cluster-enabled", "yes"]

    (tmp_path / "port").write_text(str(free_port()))
    with Cluster(tmp_path) as server, pytest.raises(RedisMissing, match="is a cluster"):
        check(server.url)
