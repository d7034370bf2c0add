"""The locks: whole, with a hash for each file, and a torch of its own that a CPU can live with."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.running.paths import REPOSITORY

FOLDER = REPOSITORY / "requirements"
HASHED = ("server.txt", "worker.txt", "dev.txt")


def entries(lock: str) -> dict[str, list[str]]:
    """The hashes of a lock's lines, by what the line begins with, such as `rq==2.12.0`."""
    found: dict[str, list[str]] = {}
    text = re.sub(r" \\\n +", " ", (FOLDER / lock).read_text())
    for line in filter(lambda line: not line.startswith("#"), text.splitlines()):
        requirement, *hashes = line.split(" --hash=")
        found[requirement.strip()] = hashes
    return found


@pytest.mark.parametrize("lock", HASHED)
def test_every_file_that_is_installed_is_named_by_its_hash(lock: str):
    for requirement, hashes in entries(lock).items():
        assert re.match(r"[a-z0-9-]+==\S+( ; .+)?$", requirement)
        assert hashes, requirement
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in hashes)


@pytest.mark.parametrize("lock", HASHED)
def test_no_lock_with_hashes_chooses_a_build_of_torch(lock: str):
    assert not [
        each for each in entries(lock) if re.match("torch(vision)?==|nvidia-|cuda-|triton", each)
    ]


def test_the_torch_that_is_locked_is_the_one_that_the_worker_asks_for():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    asked = [each for each in project["project"]["optional-dependencies"]["worker"] if "==" in each]
    [torch] = entries("torch.txt")
    assert torch in asked


@pytest.mark.parametrize("lock", ["server.txt", "worker.txt"])
def test_what_runs_is_locked_at_the_versions_that_are_tested(lock: str):
    assert not set(entries(lock)) - set(entries("dev.txt"))
    assert any(each.startswith("s3fs==") for each in entries(lock))
