"""A server that answers as the hub and as Civitai do, and one beside it from which files come.

The hub and Civitai send their files from other hosts, to which nobody's token belongs: so here.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "c0ffee0123456789c0ffee0123456789c0ffee01"
HUB_TOKEN = "hf_SECRETSECRETSECRET"
CIVITAI_TOKEN = "CIVSECRETCIVSECRET"
PIECE = 4096


@dataclass
class Repository:
    """A model of the hub: its files, and what its card says; `sizes` where a file says that it is
    larger than it is."""

    files: dict[str, bytes]
    card: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    gated: bool = False
    sizes: dict[str, int] = field(default_factory=dict[str, int])


@dataclass
class Asked:
    """A request that came: where to, and what it showed."""

    path: str
    token: str | None
    range: str | None


class Elsewhere:
    """What is there, and what was asked. A file in `held` is sent to its middle, until `gate`."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.civitai: dict[int, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.held: set[str] = set()
        self.gate = threading.Event()
        self.lengths: dict[str, int] = {}
        self.api: list[Asked] = []
        self.storage: list[Asked] = []
        self.url = self.storage_url = ""

    def link(self, name: str) -> str:
        return f"{self.storage_url}/files/{name}"

    def civitai_model(
        self, number: int, kind: str, file: str, data: bytes, **more: Any
    ) -> dict[str, Any]:
        """Have Civitai have a model of one version, whose id is ten times the model's."""
        self.files[file] = data
        version = {
            "id": number * 10,
            "modelId": number,
            "name": "v1",
            "baseModel": "SD 1.5",
            "trainedWords": ["sunny day, bright"],
            "files": [
                {
                    "name": file,
                    "sizeKB": len(data) / 1024,
                    "type": "Model",
                    "primary": True,
                    "hashes": {"SHA256": hashlib.sha256(data).hexdigest().upper()},
                    "downloadUrl": f"{self.url}/api/download/models/{number * 10}",
                }
            ],
            "images": [],
            **more.pop("version", {}),
        }
        self.redirects[f"/api/download/models/{number * 10}"] = self.link(file)
        model = {
            "id": number,
            "name": "Bright days",
            "description": "<p>Makes days <b>bright</b> &amp; warm.</p>",
            "type": kind,
            "nsfw": False,
            "allowNoCredit": True,
            "allowCommercialUse": ["Image"],
            "stats": {"downloadCount": 12},
            "modelVersions": [version],
            **more,
        }
        self.civitai[number] = model
        return model


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, elsewhere: Elsewhere, routes: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), routes)
        self.elsewhere = elsewhere

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Routes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def there(self) -> Elsewhere:
        assert isinstance(self.server, _Server)
        return self.server.elsewhere

    @property
    def asked(self) -> Asked:
        headers = self.headers
        return Asked(self.path, headers.get("Authorization"), headers.get("Range"))

    def log_message(self, format: str, *args: object) -> None:
        pass

    def say(self, status: int, value: object = None, **headers: str) -> None:
        body = json.dumps({"error": "no"} if value is None else value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(body)


class _Api(_Routes):
    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.there.api.append(self.asked)
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), parse_qs(parts.query)
        if location := self.there.redirects.get(path):
            self.say(307, None, Location=location)
        elif path == "/api/models":
            self._hub_search(query)
        elif path.startswith("/api/models/"):
            self._repository(path.removeprefix("/api/models/"))
        elif path.startswith("/api/v1/"):
            self._civitai(path.removeprefix("/api/v1/"), query)
        else:
            self._resolve(path.lstrip("/"))

    def _hub_search(self, query: dict[str, list[str]]) -> None:
        words = query.get("search", [""])[0]
        found = [
            {
                "id": hub_id,
                "downloads": 5,
                "tags": each.tags,
                "pipeline_tag": "text-to-image",
            }
            for hub_id, each in self.there.repositories.items()
            if words in hub_id
            and query.get("filter", ["diffusers"])[0] in [*each.tags, "diffusers"]
        ]
        if "cursor" in query:
            self.say(200, found[1:])
        else:
            after = f"{self.there.url}/api/models?search={words}&cursor=abc%3D"
            headers = {"Link": f'<{after}>; rel="next"'} if len(found) > 1 else {}
            self.say(200, found[:1], **headers)

    def _repository(self, path: str) -> None:
        hub_id, _, revision = path.partition("/revision/")
        found = self.there.repositories.get(hub_id)
        if found is None:
            self.say(401, None, X_Error_Code="RepoNotFound")
        elif revision not in ("", "main", COMMIT):
            self.say(404, None, X_Error_Code="RevisionNotFound")
        else:
            siblings = [
                {
                    "rfilename": name,
                    "size": found.sizes.get(name, len(data)),
                    "blobId": "0",
                    "lfs": {
                        "sha256": hashlib.sha256(data).hexdigest(),
                        "size": len(data),
                        "pointerSize": 100,
                    },
                }
                for name, data in found.files.items()
            ]
            self.say(
                200,
                {
                    "id": hub_id,
                    "sha": COMMIT,
                    "siblings": siblings,
                    "cardData": found.card,
                    "tags": found.tags,
                    "gated": found.gated,
                },
            )

    def _resolve(self, path: str) -> None:
        owner, name, _, commit, *rest = [*path.split("/"), "", "", "", ""]
        found = self.there.repositories.get(f"{owner}/{name}")
        file = "/".join(rest).rstrip("/")
        if found is None or commit != COMMIT or file not in found.files:
            self.say(404, None, X_Error_Code="EntryNotFound")
        elif found.gated and self.headers.get("Authorization") != f"Bearer {HUB_TOKEN}":
            self.say(401, None, X_Error_Code="GatedRepo")
        elif file.endswith(".safetensors"):
            # Large files come from another host.
            stored = f"{owner}-{name}-{file}"
            self.there.files[stored] = found.files[file]
            self.say(302, None, Location=self.there.link(stored))
        else:
            send(self, found.files[file])

    def _civitai(self, path: str, query: dict[str, list[str]]) -> None:
        if path == "models":
            words = query.get("query", [""])[0].lower()
            found = [
                each
                for each in self.there.civitai.values()
                if words in each["name"].lower() and each["type"] in query["types"]
            ]
            self.say(200, {"items": found, "metadata": {"nextCursor": "17|2"}})
        elif path.startswith("models/"):
            model = self.there.civitai.get(int(path.removeprefix("models/")))
            self.say(200, model) if model else self.say(404)
        else:
            number = int(path.removeprefix("model-versions/"))
            model = self.there.civitai.get(number // 10)
            if model is None:
                self.say(404)
            else:
                short = {key: model[key] for key in ("name", "type", "nsfw")}
                self.say(200, {**model["modelVersions"][0], "model": short})


class _Storage(_Routes):
    def do_GET(self) -> None:
        self.there.storage.append(self.asked)
        path = unquote(urlsplit(self.path).path)
        if location := self.there.redirects.get(path):
            self.say(302, None, Location=location)
            return
        name = path.removeprefix("/files/")
        if name not in self.there.files:
            self.say(404)
            return
        data = self.there.files[name]
        send(self, data, hold=name in self.there.held, length=self.there.lengths.get(name))


def send(routes: _Routes, data: bytes, *, hold: bool = False, length: int | None = None) -> None:
    """A file, or the part of it that is asked for, as servers of files do."""
    asked = routes.headers.get("Range")
    start, _, end = (asked or "bytes=0-").removeprefix("bytes=").partition("-")
    first, last = int(start), min(int(end or len(data) - 1), len(data) - 1)
    whole = len(data) if length is None else length
    routes.send_response(206 if asked else 200)
    if asked:
        routes.send_header("Content-Range", f"bytes {first}-{last}/{whole}")
    routes.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()[:16]}"')
    routes.send_header("Content-Length", str(last - first + 1 if asked else whole))
    routes.end_headers()
    if routes.command == "HEAD":
        return
    part = data[first : last + 1]
    try:
        # A look at the beginning is not held up.
        if hold and not end:
            routes.wfile.write(part[: len(part) // 2])
            routes.wfile.flush()
            routes.there.gate.wait(120)
            part = part[len(part) // 2 :]
        routes.wfile.write(part)
    except OSError:
        routes.close_connection = True


@contextmanager
def served() -> Iterator[Elsewhere]:
    """Both servers, for as long as the block lasts."""
    elsewhere = Elsewhere()
    servers = [_Server(elsewhere, _Api), _Server(elsewhere, _Storage)]
    elsewhere.url, elsewhere.storage_url = (each.url for each in servers)
    threads = [
        threading.Thread(target=each.serve_forever, kwargs={"poll_interval": 0.05})
        for each in servers
    ]
    for thread in threads:
        thread.start()
    try:
        yield elsewhere
    finally:
        elsewhere.gate.set()
        for each, thread in zip(servers, threads, strict=True):
            each.shutdown()
            thread.join()
            each.server_close()
