"""The images and their composition, as far as they can be checked without an engine to run them."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from jobs.settings import Settings
from server.pages.page import FOLDER
from tests.running.processes.program import run_text

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = REPOSITORY / "Dockerfile"
OURS = ("server", "webhooks", "worker", "worker-gpu-0", "worker-gpu-1")
SERVICES = ("redis", *OURS)

# Read by the hub's library, not by Darkroom.
FOREIGN_SETTINGS = {"HF_HOME"}


def interpolate(text: str) -> str:
    """What Compose does with `${NAME:-default}` before it reads the file."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: os.environ.get(*found.groups()), text)


def read_composition(text: str) -> dict[str, Any]:
    """A composition by the Compose specification's rules. Raises ValueError, naming the key."""
    # The specification's reader does not follow a merge key into another, as Compose does.
    composition = PyCompose.from_json(json.dumps(yaml.safe_load(interpolate(text))))
    composition.validate()
    return composition.to_dict()


@cache
def compose() -> dict[str, Any]:
    return read_composition((REPOSITORY / "docker-compose.yml").read_text())


@cache
def stages() -> dict[str, list[tuple[str, str]]]:
    """The Dockerfile's instructions by stage, each stage with those of the one it is built on."""
    joined = re.sub(r"\\\n", " ", DOCKERFILE.read_text())
    found: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for line in joined.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            current = found[name] = [*found.get(base, [])]
        elif word.isupper():
            current.append((word, rest))
    return found


def test_the_dockerfile_passes_its_linter():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_composition_is_one_by_the_compose_specification():
    assert set(compose()["services"]) == set(SERVICES)


def test_a_mistake_in_the_composition_would_be_found():
    text = (REPOSITORY / "docker-compose.yml").read_text()
    with pytest.raises(ValueError, match="readonly"):
        read_composition(text.replace("read_only:", "readonly:"))


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_runs_as_root_or_writes_outside_its_volumes(name: str):
    service = compose()["services"][name]
    assert service["user"] in ("1000:1000", "redis")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_and_started_again(name: str):
    service = compose()["services"][name]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", OURS)
def test_each_of_ours_waits_for_redis_and_shares_its_pictures(name: str):
    service = compose()["services"][name]
    assert service["depends_on"]["redis"]["condition"] == "service_healthy"
    assert any("/data/images" in str(volume) for volume in service["volumes"])
    assert service["environment"]["IMAGE_STORE"] == "/data/images"


@pytest.mark.parametrize("name", OURS)
def test_each_of_ours_is_built_from_a_stage_that_there_is(name: str):
    assert compose()["services"][name]["build"]["target"] in stages()


def test_redis_keeps_what_was_accepted():
    redis = compose()["services"]["redis"]
    command = " ".join(redis["command"])
    assert "--appendonly yes --appendfsync everysec" in command
    assert any("/data" in str(volume) for volume in redis["volumes"])
    assert "ports" not in redis


def test_the_network_reaches_the_server_and_nothing_else():
    text = (REPOSITORY / "docker-compose.yml").read_text()
    published = re.findall(r'^ +- "(.*):7860"$', text, flags=re.MULTILINE)
    assert published == ["${PORT:-7860}"]
    others = [name for name in SERVICES if name != "server"]
    assert not [name for name in others if "ports" in compose()["services"][name]]


@pytest.mark.parametrize("name", ["worker-gpu-0", "worker-gpu-1"])
def test_a_gpu_worker_has_the_one_gpu_of_its_name(name: str):
    service = compose()["services"][name]
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device["device_ids"] == [name.removeprefix("worker-gpu-")]
    assert service["profiles"]


@pytest.mark.parametrize("name", OURS)
def test_the_environment_of_a_service_names_settings(name: str):
    known = {field.upper() for field in Settings.model_fields}
    assert set(compose()["services"][name]["environment"]) <= known


@pytest.mark.parametrize("stage", ["page", "server", "worker", "worker-cuda"])
def test_an_image_copies_what_there_is_and_what_the_context_holds(stage: str):
    let_in = (REPOSITORY / ".dockerignore").read_text().splitlines()
    for word, rest in stages()[stage]:
        if word == "COPY" and not rest.startswith("--from="):
            for source in rest.split()[:-1]:
                assert (REPOSITORY / source).exists(), source
                names = {f"!{'/'.join(source.split('/')[:depth])}" for depth in (1, 2)}
                assert names & set(let_in), source


def test_the_image_of_the_api_has_the_page_where_the_api_looks_for_it():
    built = json.loads((REPOSITORY / "clients/web/package.json").read_text())["scripts"]["build"]
    assert ("RUN", "npm run build") in stages()["page"]
    assert built.startswith("vite build")
    copied = f"--from=page /app/{FOLDER.relative_to(REPOSITORY)} {FOLDER.relative_to(REPOSITORY)}"
    assert ("COPY", copied) in stages()["server"]


@pytest.mark.parametrize("stage", ["server", "worker", "worker-cuda"])
class TestImage:
    def test_runs_without_root(self, stage: str):
        users = [rest for word, rest in stages()[stage] if word == "USER"]
        assert users == ["1000:1000"]

    def test_says_how_to_tell_that_it_is_well(self, stage: str):
        assert [word for word, _ in stages()[stage]].count("HEALTHCHECK") == 1

    def test_sets_settings_that_there_are(self, stage: str):
        known = {field.upper() for field in Settings.model_fields} | FOREIGN_SETTINGS
        set_here = {
            name
            for word, rest in stages()[stage]
            if word == "ENV"
            for name in re.findall(r"(\w+)=", rest)
        }
        of_python = {name for name in set_here if name.startswith(("PYTHON", "PIP_", "NVIDIA_"))}
        assert set_here - of_python - {"PATH"} <= known

    def test_starts_with_a_command_that_darkroom_has(self, stage: str):
        (command,) = [rest for word, rest in stages()[stage] if word == "CMD"]
        verb = stage.split("-")[0]
        assert command == f'["darkroom", "{verb}"]'
        help_text = run_text("darkroom", verb, "--help", environment=os.environ)
        assert help_text.returncode == 0, help_text.stderr


def test_the_servers_image_has_no_torch():
    instructions = " ".join(rest for _, rest in stages()["server"])
    assert "worker" not in instructions
    locked = (REPOSITORY / "requirements" / "server.txt").read_text()
    assert not re.search(r"^(torch|diffusers|transformers)\b", locked, flags=re.MULTILINE)
