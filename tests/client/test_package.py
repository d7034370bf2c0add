"""The Python client as a package of its own."""

from __future__ import annotations

import runpy
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.running.paths import REPOSITORY

CLIENT = REPOSITORY / "clients" / "python"


def test_the_client_without_asyncio_is_made_of_the_one_for_it():
    make = runpy.run_path(str(CLIENT / "make_sync.py"))
    made = make["synchronous"](make["ASYNC"].read_text())
    assert make["SYNC"].read_text() == made, "run python clients/python/make_sync.py"


@pytest.mark.slow
def test_its_wheel_needs_httpx_and_what_that_needs_and_says_that_it_is_typed(tmp_path: Path):
    source = tmp_path / "source"
    for path in CLIENT.rglob("*"):
        if path.is_file() and path.suffix in (".py", ".toml", ".md", ".typed"):
            copy = source / path.relative_to(CLIENT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run(
        [*pip, "wheel", "--no-build-isolation", "--no-deps", "-w", tmp_path, source], check=True
    )
    (wheel,) = tmp_path.glob("darkroom_client-*.whl")
    with zipfile.ZipFile(wheel) as files:
        assert "darkroom_client/py.typed" in files.namelist()
        (metadata,) = (name for name in files.namelist() if name.endswith("/METADATA"))
        needs = [
            line for line in files.read(metadata).decode().splitlines() if "Requires-D" in line
        ]
    assert [line.split()[1].partition(">")[0] for line in needs] == ["anyio", "httpx"]
    # httpx and what it needs are borrowed; of ours there is nothing.
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    paths = {"base": str(tmp_path / "venv"), "platbase": str(tmp_path / "venv")}
    target = Path(sysconfig.get_path("purelib", vars=paths))
    borrowed = ("httpx", "httpcore", "h11", "anyio", "certifi", "idna", "typing_extensions.py")
    for name in borrowed:
        there = Path(sysconfig.get_path("purelib")) / name
        if there.exists():
            (target / name).symlink_to(there)
    subprocess.run([*pip, "install", "--no-deps", "--target", target, wheel], check=True)
    code = "import darkroom_client as d; print(d.__file__); d.Darkroom('http://attic:7860').close()"
    said = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.startswith(str(target))
