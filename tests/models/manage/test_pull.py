"""Pulling runs in a process of its own: the hub library reads its settings once."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.models.helpers import COMMIT, REPOSITORY, WriteModels, catalogue_text, copy_model
from tests.models.manage.hub import HUB_ID, Hub, serve_hub
from tests.models.original_layout import save_original_layout
from worker.models.catalogue import read_catalogue
from worker.models.files.sources import locate
from worker.models.loading.loader import load_model

PULL = """
import json, sys
from pathlib import Path
from huggingface_hub import constants
from worker.models.manage.pull import PullError, pull_model
path, pulls = Path(sys.argv[1]), json.loads(sys.argv[2])
answers = []
for name, options in pulls:
    constants.DOWNLOAD_CHUNK_SIZE = options.pop("chunk", constants.DOWNLOAD_CHUNK_SIZE)
    try:
        pulled = pull_model(name, path, progress=False, **options)
        answers.append({"commit": pulled.commit, "table": pulled.table})
    except PullError as error:
        answers.append({"error": str(error)})
print(json.dumps(answers))
"""

Options = dict[str, str | int]


@pytest.fixture
def repository(tiny_folder: Path, tmp_path: Path) -> Path:
    """The tiny model as a hub has it: other weights and other programs' files lie beside it."""
    folder = copy_model(tiny_folder, tmp_path / "repository")
    for weights in list(folder.rglob("*.safetensors")):
        weights.with_suffix(".fp16.safetensors").write_bytes(weights.read_bytes())
        weights.with_suffix(".bin").write_bytes(b"pickle")
    (folder / "whole.safetensors").write_bytes(b"gigabytes")
    (folder / "unet" / "run.py").write_text("print('no')")
    return folder


@pytest.fixture
def hub(repository: Path) -> Iterator[Hub]:
    with serve_hub(repository) as serving:
        yield serving


def pull_all(
    url: str, cache: Path, models: Path, *pulls: tuple[str, Options]
) -> list[dict[str, str]]:
    environment = os.environ | {
        "HF_ENDPOINT": url,
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
    }
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run(
        [sys.executable, "-c", PULL, str(models), json.dumps(pulls)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pull(url: str, cache: Path, name: str, models: Path, **options: str | int) -> dict[str, str]:
    return pull_all(url, cache, models, (name, options))[0]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    file = tmp_path / "models.toml"
    file.write_text(catalogue_text(mine={"source": HUB_ID, "revision": "v1"}))
    return file


def test_a_pulled_hub_id_loads_offline_from_the_table_that_pull_gives(
    hub: Hub, hub_cache: Path, models: Path
):
    pulled = pull(hub.url, hub_cache, HUB_ID, models)
    assert pulled["commit"] == COMMIT
    table = tomllib.loads(pulled["table"])["models"]["tiny"]
    assert (table["source"], table["revision"]) == (HUB_ID, COMMIT)
    models.write_text(pulled["table"])
    hub.shutdown()
    model = load_model(read_catalogue(models)["tiny"], torch.device("cpu"))
    assert model.factor == 2


def test_a_model_of_models_toml_is_pulled_by_its_name_at_its_revision(
    hub: Hub, hub_cache: Path, models: Path
):
    assert pull(hub.url, hub_cache, "mine", models)["table"] is None
    assert len(locate(read_catalogue(models)["mine"]).weights()) == 3


def test_one_set_of_safetensors_is_fetched_and_nothing_else(
    hub: Hub, hub_cache: Path, models: Path
):
    pull(hub.url, hub_cache, "mine", models)
    assert len([path for path in hub.served if path.endswith(".safetensors")]) == 3
    assert not [p for p in hub.served if ".fp16." in p or p.endswith((".bin", ".py"))]
    assert "whole.safetensors" not in hub.served


@pytest.mark.slow
def test_a_variant_is_fetched_in_place_of_the_full_weights(hub: Hub, hub_cache: Path, models: Path):
    pulled = pull(hub.url, hub_cache, HUB_ID, models, variant="fp16")
    weights = [path for path in hub.served if path.endswith(".safetensors")]
    assert len(weights) == 3
    assert all(".fp16." in path for path in weights)
    assert tomllib.loads(pulled["table"])["models"]["tiny"]["variant"] == "fp16"


@pytest.mark.slow
def test_a_second_pull_fetches_nothing_again(hub: Hub, hub_cache: Path, models: Path):
    pull_all(hub.url, hub_cache, models, ("mine", {}), ("mine", {}))
    assert len(hub.served) == len(set(hub.served))


def test_a_pull_that_was_cut_off_goes_on_where_it_stopped(
    repository: Path, hub_cache: Path, models: Path
):
    with serve_hub(repository, flaky=True) as hub:
        pull(hub.url, hub_cache, "mine", models, chunk=1024)
    assert "unet/diffusion_pytorch_model.safetensors" in hub.resumed
    for file in locate(read_catalogue(models)["mine"]).weights():
        twin = repository / file.relative_to(file.parents[1])
        assert file.read_bytes() == twin.read_bytes()


@pytest.mark.slow
def test_a_pull_that_gave_up_says_that_the_next_goes_on(
    repository: Path, hub_cache: Path, models: Path
):
    # No chunk is ever whole, so that there is nothing to go on from.
    with serve_hub(repository, flaky=True) as hub:
        answer = pull(hub.url, hub_cache, "mine", models)
    assert "someone/tiny was not fetched: peer closed connection" in answer["error"]


def test_a_single_files_configuration_is_pulled_without_weights(
    hub: Hub, hub_cache: Path, write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    save_original_layout(tiny_folder, tmp_path / "style.safetensors")
    write_models(style={"source": "style.safetensors", "config": HUB_ID})
    pull(hub.url, hub_cache, "style", tmp_path / "models.toml")
    assert "unet/config.json" in hub.served
    assert not [path for path in hub.served if path.endswith(".safetensors")]


def test_what_cannot_be_pulled_is_said_in_a_sentence(hub: Hub, hub_cache: Path, models: Path):
    refused: list[tuple[str, Options, str]] = [
        ("someone/other", {}, "The hub has no someone/other"),
        (HUB_ID, {"revision": "v9"}, f"{HUB_ID} has no revision v9."),
        (HUB_ID, {"variant": "int4"}, "has no .safetensors weights"),
        ("no id", {}, "no id is neither a name in models.toml nor a hub id"),
        ("mine", {"revision": "v2"}, "mine has its revision and variant in"),
    ]
    pulls = [(name, options) for name, options, _ in refused]
    answers = pull_all(hub.url, hub_cache, models, *pulls)
    for answer, (_, _, sentence) in zip(answers, refused, strict=True):
        assert sentence in answer["error"]


def test_a_pull_without_a_network_says_so(hub_cache: Path, models: Path):
    # Port 9 is discard: nobody answers on loopback.
    answer = pull("http://127.0.0.1:9", hub_cache, "mine", models)
    assert "The hub cannot be reached, so someone/tiny was not fetched" in answer["error"]


def test_a_local_folder_needs_no_pull(
    hub_cache: Path, write_models: WriteModels, tiny_folder: Path, tmp_path: Path
):
    write_models(here={"source": str(tiny_folder)})
    answer = pull("http://127.0.0.1:9", hub_cache, "here", tmp_path / "models.toml")
    assert "here is not from the hub" in answer["error"]
