"""`darkroom generate` as it is typed, on a real server with a real worker."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from jobs.request.request import GenerationRequest
from tests.running.paths import REPOSITORY
from tests.running.processes.program import run_text
from tests.running.site import SIDE, Site

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def generate(site: Site, tmp_path: Path) -> Run:
    """Runs it in an empty folder."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "DATA": str(tmp_path / "data")}

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        words = ["generate", "--url", site.url, *arguments]
        return run_text("darkroom", *words, given=stdin, folder=tmp_path, environment=environment)

    return run


def newest(site: Site) -> dict[str, Any]:
    """What the server was asked for last."""
    return httpx.get(f"{site.url}/api/v1/jobs?limit=1").json()["jobs"][0]["input"]


def count(site: Site) -> int:
    return len(httpx.get(f"{site.url}/api/v1/jobs?limit=100").json()["jobs"])


@pytest.mark.parametrize(
    ("name", "format"),
    [
        pytest.param("cake.png", "PNG", marks=pytest.mark.slow),
        ("cake.JPG", "JPEG"),
        pytest.param("cake.webp", "WEBP", marks=pytest.mark.slow),
    ],
)
def test_a_file_has_inside_what_its_name_says(
    generate: Run, tmp_path: Path, name: str, format: str
):
    made = generate("birthday cake", "--steps", "2", "-o", name)
    assert made.returncode == 0, made.stderr
    with Image.open(tmp_path / name) as picture:
        assert picture.format == format
        assert picture.size == (SIDE, SIDE)


def test_what_is_done_otherwise_than_asked_is_said(generate: Run):
    made = generate("{red|green apple", "--steps", "2", "-o", "apple.png")
    assert made.returncode == 0, made.stderr
    assert "the prompt: `{red|green apple` is read as words" in made.stderr


@pytest.mark.parametrize("name", ["cake.gif", "nowhere/cake.png", "nowhere/"])
def test_what_could_not_be_written_is_refused_before_anything_is_made(
    generate: Run, site: Site, name: str
):
    before = count(site)
    made = generate("birthday cake", "-o", name)
    assert made.returncode == 1
    assert made.stderr.startswith("--output: ")
    assert "Traceback" not in made.stderr
    assert count(site) == before


def test_pictures_and_every_other_field_go_by_their_names(
    generate: Run, site: Site, tmp_path: Path
):
    picture = Image.radial_gradient("L").resize((128, 128))
    picture.convert("RGB").save(tmp_path / "in.png")
    picture.save(tmp_path / "mask.png")
    made = generate(
        *("a red apple", "--image", "in.png", "--mask", "mask.png", "--mask-grey", "cut"),
        *("--steps", "3", "--strength", "0.8", "--negative", "leaf", "--mask-invert"),
        *("--metadata", "album=fruit", "--metadata", "page=3", "--priority", "high", "-o", "."),
    )
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "a-red-apple.png").exists()
    asked = newest(site)
    assert asked["kind"] == "inpaint", "that is what a mask is for"
    assert (asked["mask_grey"], asked["mask_invert"]) == ("cut", True)
    assert (asked["strength"], asked["negative_prompt"]) == (0.8, "leaf")
    assert asked["metadata"] == {"album": "fruit", "page": 3}

    sides = ("--expand", "left=32,right=32")
    made = generate("two apples", "--image", "in.png", *sides, "--steps", "1")
    assert made.returncode == 0, made.stderr
    asked = newest(site)
    assert asked["kind"] == "outpaint"
    assert asked["expand"] == {"left": 32, "top": 0, "right": 32, "bottom": 0}


def test_a_walk_brings_its_strip_and_its_animation(generate: Run, site: Site, tmp_path: Path):
    walk = "over=prompts,prompt=blue boat, 3d,frames=2,seconds=0.1"
    made = generate("red apple, 3d", "--walk", walk, "--steps", "1", "-o", "walk.png")
    assert made.returncode == 0, made.stderr
    assert newest(site)["walk"]["prompt"] == "blue boat, 3d"
    files = {each.name for each in tmp_path.glob("walk*")}
    assert files == {"walk-1.png", "walk-2.png", "walk-strip.png", "walk-animation.webp"}
    with Image.open(tmp_path / "walk-animation.webp") as animation:
        assert animation.n_frames == 2


def test_prompts_of_a_file_are_made_together_and_named_after_themselves(
    generate: Run, tmp_path: Path
):
    (tmp_path / "out").mkdir()
    made = generate(
        *("--prompts", "-", "--steps", "2", "--count", "2", "-o", "out"),
        stdin="red apple\n\n  green frog  \n",
    )
    assert made.returncode == 0, made.stderr
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["green-frog-1.png", "green-frog.png", "red-apple-1.png", "red-apple.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--steps", "9999", "--guidance", "99", "--hires", "strength=7"),
            ["--steps: ", "--guidance-scale: ", "--hires (strength): "],
        ),
        (("--lora", "nobody:0.5"), ["--lora"]),
        (("--image", "nothing.png"), ["--image: nothing.png cannot be read: No such file"]),
    ],
)
def test_errors_name_the_option_and_what_is_wrong_with_it(
    generate: Run, arguments: tuple[str, ...], said: list[str]
):
    made = generate("apple", *arguments)
    assert made.returncode == 1
    assert "Traceback" not in made.stderr
    lines = made.stderr.splitlines()
    assert all(any(line.startswith(each) for line in lines) for each in said), made.stderr


def test_what_is_no_value_is_told_the_names_that_there_are(generate: Run):
    made = generate("apple", "--expand", "sideways=3")
    assert made.returncode == 2
    assert "left=, top=, right=, bottom=" in made.stderr


def test_every_field_of_the_api_has_its_option(generate: Run):
    told = generate("--help").stdout
    lists = ("loras", "controls", "references", "regions", "styles", "ip_adapters")
    plural = {name: name[:-1] for name in lists}
    for name in GenerationRequest.model_fields:
        if name != "prompt":
            assert f"--{plural.get(name, name).replace('_', '-')}" in told


@pytest.mark.slow
def test_the_output_can_be_a_pipe(site: Site, tmp_path: Path):
    command = [sys.executable, "-m", "darkroom", "generate", "--url", site.url, "sun"]
    made = subprocess.run(
        [*command, "-o", "-", "--steps", "1"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "DATA": str(tmp_path)},
        capture_output=True,
        timeout=120,
        check=True,
    )
    with Image.open(io.BytesIO(made.stdout)) as picture:
        assert picture.format == "PNG"
