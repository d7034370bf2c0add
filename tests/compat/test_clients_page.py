"""What docs/clients.md tells to type works, as it stands there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compat.endpoints import PAGE
from tests.compat.openai.client import opened, shows_something

BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on the PATH")
def test_every_block_makes_what_it_says(
    address: str, token: Callable[..., str], tmp_path: Path
) -> None:
    said = ""
    for language, block in BLOCKS:
        port = address.rpartition(":")[2]
        script = block.replace("http://127.0.0.1:7860", address).replace("7860", port)
        script = script.replace("TOKEN", token(f"page-{language}"))
        command = ["sh", "-ec"] if language == "sh" else [sys.executable, "-c"]
        result = subprocess.run(
            [*command, script], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert result.returncode == 0, (block, result.stderr)
        said += result.stdout
    assert [int(length) > 1000 for length in said.split()] == [True, True]
    for name in ("apple.png", "apple-7.png", "apple-8.png", "green.png", "ollama.png"):
        assert shows_something(opened((tmp_path / name).read_bytes())), name


def test_what_the_page_points_to_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", PAGE.read_text()):
        assert (PAGE.parent / target).exists(), target
