"""A hub of one repository on loopback: the routes that snapshot_download speaks."""

import hashlib
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.models.helpers import COMMIT

HUB_ID = "someone/tiny"
REVISIONS = ("main", "v1", COMMIT)
# Less than any weights of the tiny model: where a flaky hub hangs up.
CUT = 4096


class Hub(ThreadingHTTPServer):
    """Serves the folder `files`. A flaky one hangs up in the first answer for each large file."""

    daemon_threads = True

    def __init__(self, files: Path, flaky: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Routes)
        self.files = files
        self.flaky = flaky
        self.served: list[str] = []
        self.resumed: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serve_hub(files: Path, flaky: bool = False) -> Generator[Hub]:
    hub = Hub(files, flaky)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        thread.join()
        hub.server_close()


class _Routes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        assert isinstance(self.server, Hub)
        return self.server

    def do_HEAD(self) -> None:
        self._resolve()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith("/api/models/"):
            self._api(path.removeprefix("/api/models/"))
        else:
            self._resolve()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _api(self, path: str) -> None:
        hub_id, _, rest = path.partition("/revision/")
        if rest:
            if hub_id != HUB_ID:
                self._refuse("RepoNotFound")
            elif rest not in REVISIONS:
                self._refuse("RevisionNotFound")
            else:
                self._json({"id": HUB_ID, "sha": COMMIT, "siblings": []})
        elif path == f"{HUB_ID}/tree/{COMMIT}":
            self._json([self._tree_entry(file) for file in self._files()])
        else:
            self._refuse("EntryNotFound")

    def _files(self) -> list[Path]:
        return [file for file in sorted(self.hub.files.rglob("*")) if file.is_file()]

    def _tree_entry(self, file: Path) -> dict[str, object]:
        path = file.relative_to(self.hub.files).as_posix()
        return {"type": "file", "path": path, "size": file.stat().st_size, "oid": _digest(file)}

    def _resolve(self) -> None:
        path = urlsplit(self.path).path.removeprefix(f"/{HUB_ID}/resolve/{COMMIT}/")
        file = self.hub.files / path
        if not file.is_file():
            self._refuse("EntryNotFound")
            return
        content = file.read_bytes()
        start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{_digest(file)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        (self.hub.resumed if start else self.hub.served).append(path)
        if self.hub.flaky and not start and len(content) > CUT:
            self.wfile.write(content[:CUT])
            self.close_connection = True
        else:
            self.wfile.write(content[start:])

    def _json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _digest(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()
