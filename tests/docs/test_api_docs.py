"""Every curl line of docs/api.md works, on the real API with a real worker."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import torch
from safetensors.torch import save_file

from jobs import devices
from tests.running.paths import API, REPOSITORY
from tests.running.site import Site
from tests.running.waiting import until

PAGE = REPOSITORY / "docs" / "api.md"
USUAL = "http://127.0.0.1:7860"
LINE = re.compile(r"^(curl .+?)  # (\d{3})$", re.MULTILINE)

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on the PATH")


def lines() -> list[tuple[str, int]]:
    return [(command, int(status)) for command, status in LINE.findall(PAGE.read_text())]


@pytest.mark.timeout(300)
def test_every_line_of_the_page_gets_the_answer_it_says(site: Site, tmp_path: Path):
    url, redis = site.url, site.redis
    device, token = devices.create(redis, "of the page")
    answer = httpx.post(
        f"{url}{API}/jobs",
        json={"prompt": "x", "steps": 5, "trace": True},
        headers={"Prefer": "wait=60"},
        timeout=70,
    ).json()
    assert answer["status"] == "succeeded", answer
    picture = answer["outputs"][0]
    (tmp_path / "picture.png").write_bytes(httpx.get(url + picture["url"]).content)
    names = {
        "JOB": answer["id"],
        "IMAGE": picture["id"],
        "PICTURE": "picture.png",
        "CODE": devices.new_code(redis),
        "TOKEN": token,
        "DEVICE": device.id,
        "MODEL": "emoji",
        "ALBUM": "favourites",
        "OWNER": "anna",
        "STYLE": "Round",
        "WILDCARD": "nowhere",
        "ARCHIVE": _id(f"{url}{API}/archives", {"images": [picture["id"]]}),
        "GRID": _id(
            f"{url}{API}/grids",
            {"request": {"prompt": "x", "steps": 1}, "axes": [{"field": "/seed", "values": [1]}]},
        ),
        "PRESET": _id(f"{url}{API}/presets", {"name": "Round", "request": {"steps": 20}}),
        "SAMPLER": "dpmpp_2m",
        "INDEX": "0",
        "WHAT": "x0",
        "STEP": "4",
        "NUMBER": "0",
        "WORKER": site.worker.name,
        **_added(url, tmp_path),
    }
    for command, status in lines():
        script = command.replace(USUAL, url) + r" -sS -w '%{stderr}HTTP %{http_code}'"
        endless = "-N" in command and "/jobs/" not in command
        if endless:
            script += " --max-time 1"
        result = subprocess.run(
            ["sh", "-c", script],
            env={**os.environ, **names},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert result.returncode == (28 if endless else 0), (command, result.stderr)
        assert f"HTTP {status}" in result.stderr, (command, result.stdout[-500:])
    assert (tmp_path / "apple.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "apple.webp").read_bytes()[8:12] == b"WEBP"


def _id(url: str, body: dict[str, object]) -> str:
    """The id of what is made there."""
    return httpx.post(url, json=body).raise_for_status().json()["id"]


def _added(url: str, folder: Path) -> dict[str, str]:
    """A learned word that was added, and another whose file is about to be sent."""
    config = json.loads((REPOSITORY / "models/emoji/text_encoder/config.json").read_text())
    file = folder / "word.safetensors"
    save_file({"emb_params": torch.zeros(1, config["hidden_size"])}, file)
    data = file.read_bytes()
    names = {"LENGTH": str(len(data)), "NAME64": base64.b64encode(file.name.encode()).decode()}
    models = f"{url}{API}/models"
    for name in ("ABANDONED", "UPLOAD", "SENT"):
        said = {"Upload-Length": str(len(data)), "Upload-Metadata": f"filename {names['NAME64']}"}
        location = httpx.post(f"{models}/uploads", headers=said).headers["Location"]
        names[name] = location.rpartition("/")[2]
    said = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    httpx.patch(f"{url}{location}", headers=said, content=data).raise_for_status()
    asked = {"source": f"upload:{names['SENT']}", "name": "learned"}
    addition = httpx.post(f"{models}/additions", json=asked, timeout=60).json()
    at = url + addition["urls"]["self"]
    until(lambda: httpx.get(at).json()["status"] == "succeeded")
    return names | {"ADDITION": addition["id"], "KIND": "embedding", "WORD": "learned"}


def test_the_page_has_a_line_for_every_route():
    page = PAGE.read_text()
    shown = {
        re.sub(r"\$\w+", "{}", re.search(rf"{USUAL}([^\s'\"?]+)", command)[1])
        for command, _ in lines()
    }
    from server.app import create_app
    from server.openapi import document_of
    from server.resources import of

    app = create_app()
    assert shown == {re.sub(r"\{\w+\}", "{}", path) for path in document_of(app)["paths"]}
    of(app).close()
    assert len(lines()) == len(re.findall(r"^curl ", page, re.MULTILINE))
