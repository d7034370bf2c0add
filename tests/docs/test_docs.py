"""The README's commands do what it says, on the real API with a real worker."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running.paths import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def make_targets() -> list[str]:
    return [block.split()[1] for block in BLOCKS if block.startswith("make ")]


def test_the_two_commands_exist():
    makefile = (REPOSITORY / "Makefile").read_text()
    assert make_targets() == ["up", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in make_targets())


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on the PATH")
@pytest.mark.timeout(300)
def test_every_other_block_makes_what_it_says(live_url: str, tmp_path: Path):
    blocks = [block for block in BLOCKS if not block.startswith("make ")]
    darkroom = f"{sys.executable} -m darkroom generate --url {live_url}"
    said = ""
    for block in blocks:
        script = block.replace("http://127.0.0.1:7860", live_url)
        script = script.replace(".venv/bin/darkroom generate", darkroom)
        result = subprocess.run(
            ["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert result.returncode == 0, (block, result.stderr)
        said += result.stdout
    assert "202 ACCEPTED" in said.upper()
    for name in re.findall(r"-o (\w+\.png)", README):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG"), name


@pytest.mark.timeout(300)
def test_the_program_makes_the_pictures_it_names(live_url: str, tmp_path: Path):
    (block,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    script = block.replace("http://127.0.0.1:7860", live_url)
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert sorted(file.name for file in tmp_path.glob("apple-*.png")) == [
        "apple-7.png",
        "apple-8.png",
    ]


def test_what_the_readme_points_to_is_there():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target
