"""`darkroom models add | list | remove | check` on real files; the hub's part runs in a process."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from darkroom.commands import models
from jobs.settings import Settings
from tests.models.helpers import COMMIT, REPOSITORY, copy_model
from tests.models.manage.hub import HUB_ID, serve_hub
from tests.models.original_layout import save_original_layout
from worker.models.catalogue import read_catalogue

OWNERS = """# The models of our house.
default = "first"  # everybody likes it

# Trained in 2023.
[models.first]
source = "tiny"
title = "First"  # with a name

# Slower.
[models.second]
source = "tiny"
steps = 9

# And these are added to them.
[loras.bright]
source = "bright.safetensors"
triggers = [
  "[models.second]",
]
"""


@pytest.fixture
def house(tmp_path: Path, tiny_folder: Path) -> Path:
    """A folder with a models.toml of somebody's own, the tiny model and a LoRA."""
    copy_model(tiny_folder, tmp_path / "tiny")
    save_lora(tmp_path / "bright.safetensors")
    (tmp_path / "models.toml").write_text(OWNERS)
    return tmp_path


@pytest.fixture
def chosen(house: Path) -> Settings:
    return Settings(models=house / "models.toml", data=house / "data")


def save_lora(file: Path, width: int = 32) -> None:
    layer = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    safetensors.torch.save_file(
        {
            f"{layer}.lora_down.weight": torch.zeros(2, width),
            f"{layer}.lora_up.weight": torch.zeros(32, 2),
        },
        file,
    )


def add(chosen: Settings, source: str, section: str = "models", **values: Any) -> int:
    name = values.pop("name", None)
    return models.add(source, section, values, chosen, name=name, here=chosen.models.parent)


def remove(chosen: Settings, name: str, section: str | None = None, **options: Any) -> int:
    return models.remove(name, section, chosen, **{"default": None, "files": False} | options)


def text(chosen: Settings) -> str:
    return chosen.models.read_text()


def test_an_added_model_stands_below_everything_its_owner_wrote(chosen: Settings):
    assert add(chosen, "tiny", name="third", title='Sagt "hallo" 猫', steps=3) == 0
    assert text(chosen).startswith(OWNERS)
    entry = read_catalogue(chosen.models)["third"]
    assert (entry.source, entry.title, entry.steps) == ("tiny", 'Sagt "hallo" 猫', 3)


def test_adding_shows_the_licence_of_the_model_card_and_the_sha256(
    chosen: Settings, house: Path, capsys: pytest.CaptureFixture[str]
):
    card = "---\nlicense: other\nlicense_name: garden-1.0\n---\n# A model\n"
    (house / "tiny" / "README.md").write_text(card)
    assert add(chosen, "tiny", name="third") == 0
    assert read_catalogue(chosen.models)["third"].licence == "garden-1.0"
    said = capsys.readouterr().out
    file = house / "tiny" / "vae" / "diffusion_pytorch_model.safetensors"
    assert hashlib.sha256(file.read_bytes()).hexdigest() in said
    assert "licence  garden-1.0" in said


def test_a_lora_is_added_to_its_own_table(chosen: Settings, house: Path):
    save_lora(house / "Dark Look.safetensors")
    assert add(chosen, "Dark Look.safetensors", "loras", triggers=["dark"]) == 0
    lora = read_catalogue(chosen.models).loras["dark-look"]
    assert (lora.source, lora.triggers) == ("Dark Look.safetensors", ["dark"])


@pytest.mark.parametrize(
    ("source", "values", "why"),
    [
        ("model.ckpt", {}, "model.ckpt is a pickle, which can run any code when it is opened"),
        ("nowhere", {}, "there is no folder"),
        ("tiny", {"name": "first"}, r"has \[models.first\] already"),
        ("tiny", {"name": "third", "steps": 0}, "models.third.steps: should be greater than"),
        ("tiny", {"name": "third", "file": "x"}, "models.third.file: is no key"),
        ("tiny", {"name": "third", "width": 15}, "15 is not a multiple of 2"),
        ("bright.safetensors", {"config": "tiny"}, "not a complete Stable Diffusion checkpoint"),
    ],
)
def test_what_cannot_be_used_is_not_added(
    chosen: Settings,
    source: str,
    values: dict[str, Any],
    why: str,
    capsys: pytest.CaptureFixture[str],
):
    assert add(chosen, source, **values) == 1
    assert text(chosen) == OWNERS
    said = capsys.readouterr().err
    assert re.search(why, said), said


def test_nothing_is_left_behind_by_an_add_that_was_refused(chosen: Settings, house: Path):
    before = sorted(file.name for file in house.iterdir())
    add(chosen, "nowhere")
    assert sorted(file.name for file in house.iterdir()) == before


def test_a_removed_model_leaves_every_comment_and_every_other_table(chosen: Settings):
    assert remove(chosen, "second") == 0
    kept = OWNERS.replace('[models.second]\nsource = "tiny"\nsteps = 9\n', "")
    assert text(chosen) == kept
    assert list(read_catalogue(chosen.models).entries) == ["first"]


def test_the_default_model_goes_only_when_another_is_named(
    chosen: Settings, capsys: pytest.CaptureFixture[str]
):
    assert remove(chosen, "first") == 1
    assert "name another with --default, one of second" in capsys.readouterr().err
    assert text(chosen) == OWNERS
    assert remove(chosen, "first", default="second") == 0
    assert read_catalogue(chosen.models).default == "second"
    assert "# everybody likes it" in text(chosen)
    assert remove(chosen, "second") == 1
    assert "only model" in capsys.readouterr().err


def test_a_name_that_two_things_have_must_be_said_with_its_kind(
    chosen: Settings, house: Path, capsys: pytest.CaptureFixture[str]
):
    assert add(chosen, "bright.safetensors", "loras", name="second") == 0
    assert remove(chosen, "second") == 1
    assert "say which with --kind" in capsys.readouterr().err
    assert remove(chosen, "second", "loras") == 0
    assert "second" in read_catalogue(chosen.models)


def test_a_table_that_is_written_another_way_is_left_to_its_owner(
    chosen: Settings, capsys: pytest.CaptureFixture[str]
):
    odd = '[models]\nfirst = { source = "tiny" }\nsecond = { source = "tiny" }\n'
    chosen.models.write_text(odd)
    assert remove(chosen, "second") == 1
    assert "take it out by hand" in capsys.readouterr().err
    assert text(chosen) == odd


def test_files_of_ones_own_are_never_deleted(
    chosen: Settings, house: Path, capsys: pytest.CaptureFixture[str]
):
    assert remove(chosen, "second", files=True) == 1
    assert "was not pulled by Darkroom" in capsys.readouterr().err
    assert text(chosen) == OWNERS
    assert (house / "tiny").is_dir()


def test_check_reads_everything_and_finds_it_right(
    chosen: Settings, house: Path, capsys: pytest.CaptureFixture[str]
):
    assert models.check(None, chosen) == 0
    said = capsys.readouterr().out
    assert said.count("  fine") == 3
    assert "bright  lora  for first, second" in said
    file = house / "tiny" / "unet" / "diffusion_pytorch_model.safetensors"
    assert hashlib.sha256(file.read_bytes()).hexdigest() in said


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: data[:-100], "is cut off: it has"),
        (lambda data: data + b"more", "has 4 bytes more than its header says"),
        (lambda data: b"PK\x03\x04" + data, "is a pickle that calls itself safetensors"),
        (lambda data: b"\x80\x04" + data, "is a pickle that calls itself safetensors"),
        (lambda data: data[:8] + b"!" + data[9:], "is not a safetensors file"),
        (lambda data: b"", "is empty"),
    ],
)
def test_check_names_the_damaged_file_and_what_is_wrong_with_it(
    chosen: Settings, house: Path, capsys: pytest.CaptureFixture[str], damage: Any, why: str
):
    file = house / "tiny" / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(damage(file.read_bytes()))
    assert models.check("first", chosen) == 1
    said = capsys.readouterr().out
    assert why in said
    assert str(file) in said


def test_check_finds_one_bit_that_is_not_as_the_hub_sent_it(
    chosen: Settings, house: Path, capsys: pytest.CaptureFixture[str]
):
    file = house / "tiny" / "unet" / "diffusion_pytorch_model.safetensors"
    data = bytearray(file.read_bytes())
    # The hub's cache keeps a file of weights under its sha256, and snapshots link to it.
    blob = house / "blobs" / hashlib.sha256(data).hexdigest()
    blob.parent.mkdir()
    blob.write_bytes(data)
    file.unlink()
    file.symlink_to(blob)
    assert models.check("first", chosen) == 0
    data[-1] ^= 1
    blob.write_bytes(data)
    assert models.check("first", chosen) == 1
    assert f"is not what the hub sent: its sha256 is not {blob.name}" in capsys.readouterr().out


def test_check_refuses_pickles_with_the_reason(
    chosen: Settings, house: Path, capsys: pytest.CaptureFixture[str]
):
    for weights in (house / "tiny" / "unet").glob("*.safetensors"):
        weights.rename(weights.with_suffix(".bin"))
    assert models.check("first", chosen) == 1
    assert "pickled weights only, which can run any code" in capsys.readouterr().out


def test_check_tells_of_pickles_that_lie_beside_the_weights(
    chosen: Settings, house: Path, capsys: pytest.CaptureFixture[str]
):
    (house / "tiny" / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80")
    assert models.check("first", chosen) == 0
    assert "pickles, which are never opened: diffusion_pytorch_model.bin" in capsys.readouterr().out


def test_a_model_that_cannot_run_is_found_before_a_worker_starts(
    chosen: Settings, house: Path, capsys: pytest.CaptureFixture[str]
):
    chosen.models.write_text(OWNERS.replace("steps = 9", "width = 15"))
    assert models.check("second", chosen) == 1
    assert "15 is not a multiple of 2" in capsys.readouterr().out


def test_a_single_files_hash_is_the_one_that_everybody_else_shows(
    chosen: Settings, house: Path, capsys: pytest.CaptureFixture[str]
):
    save_original_layout(house / "tiny", house / "style.safetensors")
    assert add(chosen, "style.safetensors", config="tiny") == 0
    sha256 = hashlib.sha256((house / "style.safetensors").read_bytes()).hexdigest()
    assert f"sha256   {sha256}" in capsys.readouterr().out
    models.list_here(chosen)
    assert sha256[:10] in capsys.readouterr().out


def test_the_list_says_what_is_there_and_why_the_rest_is_not(
    chosen: Settings, house: Path, capsys: pytest.CaptureFixture[str]
):
    chosen.models.write_text(OWNERS + '\n[upscalers.big]\nsource = "big.safetensors"\n')
    assert models.list_here(chosen) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:4] == ["first", "*", "model", "sd1"]
    assert lines[1].endswith("ready")
    assert next(line for line in lines if line.startswith("big")).endswith("unusable")
    assert "big.safetensors" in lines[-1]


MANAGE = """
import json, sys
from pathlib import Path
from darkroom.commands import models
from jobs.settings import Settings
path = Path(sys.argv[1])
chosen = Settings(models=path, data=path.parent / "data")
for command in json.loads(sys.argv[2]):
    if command[0] == "add":
        code = models.add(command[1], "models", {}, chosen, name="far", here=path.parent)
    elif command[0] == "check":
        code = models.check("far", chosen)
    else:
        code = models.remove("far", None, chosen, default=None, files=True)
    print("CODE", code)
"""


def manage(url: str, house: Path, *commands: list[str]) -> str:
    environment = os.environ | {
        "HF_ENDPOINT": url,
        "HF_HUB_CACHE": str(house / "hub"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run(
        [sys.executable, "-c", MANAGE, str(house / "models.toml"), json.dumps(commands)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_model_of_the_hub_is_fetched_pinned_checked_and_deleted(chosen: Settings, house: Path):
    (house / "tiny" / "README.md").write_text("---\nlicense: mit\n---\n")
    with serve_hub(house / "tiny") as hub:
        said = manage(hub.url, house, ["add", HUB_ID], ["check"])
    assert said.count("CODE 0") == 2, said
    table = tomllib.loads(text(chosen))["models"]["far"]
    assert table == {"source": HUB_ID, "revision": COMMIT, "licence": "mit"}
    assert list((house / "hub").rglob("*.safetensors"))
    said = manage(hub.url, house, ["remove"])
    assert "CODE 0" in said, said
    assert not list((house / "hub").rglob("*.safetensors"))
    assert text(chosen) == OWNERS
