"""A server with a worker, and a hub, Civitai and files elsewhere, all of this machine."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobs.records.events import ENDED
from tests.adding.elsewhere import CIVITAI_TOKEN, HUB_TOKEN, Elsewhere, Repository, served
from tests.catalogue.conftest import Shop
from tests.running.kept import Kept
from tests.running.paths import API
from tests.running.site import site_in
from tests.running.waiting import until
from tests.tiny.model import save_tiny_model
from tests.tiny.parts import save_tiny_embedding, save_tiny_lora

MODELS = f"{API}/models"


class Counter(Shop):
    """The shop with what its owner asks of it: look-ups, additions, uploads."""

    elsewhere: Elsewhere
    settings: dict[str, Any]

    def look_up(self, source: str) -> httpx.Response:
        return self.http.post(f"{MODELS}/lookups", json={"source": source})

    def add(self, source: str, **more: Any) -> dict[str, Any]:
        answer = self.http.post(f"{MODELS}/additions", json={"source": source, **more})
        assert answer.status_code == 202, answer.text
        assert answer.headers["Location"] == answer.json()["urls"]["self"]
        return answer.json()

    def addition(self, addition: dict[str, Any]) -> dict[str, Any]:
        return self.http.get(addition["urls"]["self"]).raise_for_status().json()

    def ended_addition(self, addition: dict[str, Any]) -> dict[str, Any]:
        until(lambda: self.addition(addition)["status"] in ENDED, 120)
        return self.addition(addition)

    def added(self, source: str, **more: Any) -> dict[str, Any]:
        """Add something and wait until it is here."""
        done = self.ended_addition(self.add(source, **more))
        assert done["status"] == "succeeded", done["error"]
        return done

    def events(self, addition: dict[str, Any], last: str = "") -> list[dict[str, Any]]:
        """All that is told of an addition until its end, with the ids."""
        headers = {"Last-Event-ID": last} if last else {}
        told: list[dict[str, Any]] = []
        with self.http.stream("GET", addition["urls"]["events"], headers=headers) as stream:
            number = ""
            for line in stream.iter_lines():
                if line.startswith("id: "):
                    number = line[4:]
                if line.startswith("data: "):
                    told.append({"id": number, **json.loads(line[6:])})
        return told

    def upload(self, data: bytes, filename: str, **said: str) -> str:
        """Begin an upload as a tus client does; returns its URL."""
        pairs = {"filename": filename, **said}
        coded = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in pairs.items())
        headers = {"Upload-Length": str(len(data)), "Upload-Metadata": coded} | TUS
        answer = self.http.post(f"{MODELS}/uploads", headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def send(self, url: str, data: bytes, offset: int) -> httpx.Response:
        headers = {"Upload-Offset": str(offset), "Content-Type": OFFSET} | TUS
        return self.http.patch(url, headers=headers, content=data)

    def add_ons(self, section: str) -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in self.models()["first"][section]}


TUS = {"Tus-Resumable": "1.0.0"}
OFFSET = "application/offset+octet-stream"


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, a LoRA and an embedding, as others share them."""
    folder = tmp_path_factory.mktemp("shared")
    save_tiny_model(folder / "tiny")
    save_tiny_lora(folder / "lora.safetensors", folder / "tiny")
    save_tiny_embedding(folder / "embedding.safetensors")
    return folder


@pytest.fixture(scope="module")
def counter(kept: Kept, files: Path, tmp_path_factory: pytest.TempPathFactory) -> Counter:
    return kept.one("adding", lambda: opened(files, tmp_path_factory.mktemp("adding")))


@contextmanager
def opened(files: Path, home: Path) -> Iterator[Counter]:
    """A server with one model, and hubs beside it that have `files`."""
    save_tiny_model(home / "tiny")
    (home / "models.toml").write_text('[models.first]\nsource = "tiny"\n')
    (home / "data").mkdir()
    with served() as elsewhere:
        chosen = {
            "models": home / "models.toml",
            "hf_endpoint": elsewhere.url,
            "hf_token": HUB_TOKEN,
            "hf_hub_offline": "0",
            "civitai_url": elsewhere.url.replace("127.0.0.1", "localhost"),
            "civitai_token": CIVITAI_TOKEN,
            "download_allow": "127.0.0.1",
        }
        elsewhere.repositories["someone/tiny-pictures"] = Repository(
            {
                str(each.relative_to(files / "tiny")): each.read_bytes()
                for each in (files / "tiny").rglob("*")
                if each.is_file()
            }
            | {"README.md": b"---\nlicense: openrail\n---\n", "old.ckpt": b"PK"},
            card={"license": "openrail"},
            tags=["diffusers", "license:openrail"],
        )
        elsewhere.repositories["someone/tiny-lora"] = Repository(
            {"pytorch_lora_weights.safetensors": (files / "lora.safetensors").read_bytes()},
            card={"license": "mit", "instance_prompt": "sunny"},
            tags=["lora", "base_model:runwayml/stable-diffusion-v1-5"],
            gated=True,
        )
        with (
            site_in(home / "data", capacity=4, **chosen) as site,
            httpx.Client(base_url=site.url, timeout=60) as http,
        ):
            counter = Counter(http, site, home)
            counter.elsewhere, counter.settings = elsewhere, chosen
            yield counter
