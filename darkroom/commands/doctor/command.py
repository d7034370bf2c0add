"""`darkroom doctor`: what is wrong with this machine, one line a finding and what to do."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator

import httpx
import psutil
from redis.exceptions import RedisError

from darkroom import machine
from darkroom.commands.doctor.findings import Finding, bad, good, warn
from darkroom.commands.doctor.redis import running_redis
from darkroom.instance import read_state, redis_url
from darkroom.network import tls
from darkroom.supervision import redis_server
from jobs.connection import connect, place
from jobs.pictures.image_store import ImageStore
from jobs.records import workers
from jobs.settings import Settings
from jobs.whereabouts.addresses import is_loopback

FREE_DISK_GB = 2
"""Below this the append-only file and a day of pictures may fill the disk."""

FREE_MEMORY_GB = 2
"""What torch and the model that ships take, with room for a batch."""


Check = Callable[[Settings], Iterator[Finding]]


def doctor(chosen: Settings) -> int:
    """Look at everything; exit code 1 where something keeps pictures from being made."""
    wrong = 0
    for check in CHECKS:
        for finding in check(chosen):
            wrong += finding.mark == "WRONG"
            print(f"{finding.mark:<6} {finding.what:<9} {finding.says}", flush=True)
    print(f"\n{wrong} wrong." if wrong else "\nNothing is wrong.")
    return 1 if wrong else 0


def worker_health(chosen: Settings) -> int:
    """Whether a worker of this host lives: the exit code that a container's health check wants."""
    try:
        found = workers.live(connect(redis_url(chosen)))
    except RedisError as error:
        print(f"Redis does not answer: {error}", file=sys.stderr)
        return 1
    if any(worker.host == socket.gethostname() for worker in found):
        return 0
    print("No worker of this host has said in the last seconds that it lives.", file=sys.stderr)
    return 1


def python(chosen: Settings) -> Iterator[Finding]:
    version = platform.python_version()
    where = f"{version} on {platform.system()} {platform.machine()}"
    yield (
        good("python", where)
        if sys.version_info >= (3, 11)
        else bad("python", f"{version} is too old: 3.11 or later is needed.")
    )


def torch(chosen: Settings) -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        yield warn("torch", "not installed: this machine can serve the API but make no pictures.")
        return
    version = importlib.metadata.version("torch")
    gpus = machine.gpus()
    if not gpus:
        yield good("torch", f"{version}; no NVIDIA GPU found, workers use the CPU.")
        return
    # In a child: torch takes the driver's faults down with it, and memory for as long as it lives.
    code = "import torch; print(torch.cuda.is_available(), torch.version.cuda)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    driver = _driver()
    if answer.stdout.startswith("True"):
        yield good("torch", f"{version} with {len(gpus)} GPU, driver {driver}.")
    elif "None" in answer.stdout:
        yield warn("torch", f"{version} is built for the CPU, and {len(gpus)} GPU lies idle.")
    else:
        reason = (answer.stderr.strip().splitlines() or ["the driver is too old for it"])[-1]
        yield bad("torch", f"{version} cannot use the GPU (driver {driver}): {reason}")


def backend(chosen: Settings) -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        return
    if chosen.backend == "torch":
        yield good("back end", "PyTorch alone, as BACKEND says.")
        return
    if machine.gpus() or chosen.backend == "inductor":
        yield _inductor("cuda" if machine.gpus() else "cpu")
        return
    if importlib.util.find_spec("openvino") is None:
        says = "PyTorch alone: OpenVINO is not installed. On x86-64 pictures are faster with it:"
        yield warn("back end", f"{says} pip install -r requirements/openvino.txt")
        return
    version = importlib.metadata.version("openvino")
    units = (
        'AMX, so `dtype = "bfloat16"` in models.toml takes less time again.'
        if "amx_bf16" in machine.processor_flags()
        else "no matrix units for bfloat16 (AMX)."
    )
    yield good("back end", f"OpenVINO {version} beside PyTorch; the processor has {units}")


def _inductor(kind: str) -> Finding:
    # In a child: the engine brings torch in, and with it what it takes of a card.
    code = (
        f"from worker.engine.backends.inductor.toolchain import missing; print(missing({kind!r}))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    lacking = answer.stdout.strip().splitlines()[-1:]
    if lacking == ["None"]:
        beside = " and recorded as CUDA graphs" if kind == "cuda" else ""
        return good("back end", f"networks are compiled by Inductor{beside}.")
    if not lacking:
        reason = (answer.stderr.strip().splitlines() or ["the engine cannot be imported"])[-1]
        return warn("back end", f"whether networks can be compiled is not known: {reason}")
    instead = "recorded as CUDA graphs, not compiled" if kind == "cuda" else "PyTorch's own"
    return warn("back end", f"networks are {instead}: this machine lacks {lacking[0]}.")


def memory(chosen: Settings) -> Iterator[Finding]:
    found = psutil.virtual_memory()
    says = f"{found.available / 1e9:.1f} GB of {found.total / 1e9:.1f} GB free."
    enough = found.available >= FREE_MEMORY_GB * 1e9
    yield (
        good("memory", says)
        if enough
        else warn("memory", f"{says} A worker with the model that ships wants {FREE_MEMORY_GB} GB.")
    )


def disk(chosen: Settings) -> Iterator[Finding]:
    folder = chosen.data
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    says = f"{free:.1f} GB free for DATA={chosen.data}."
    if free < 0.1:
        yield bad("disk", f"{says} Redis refuses new jobs on a full disk.")
    elif free < FREE_DISK_GB:
        yield warn("disk", f"{says} Pictures stay until they are deleted; see KEEP_DAYS.")
    else:
        yield good("disk", says)


def store(chosen: Settings) -> Iterator[Finding]:
    where = chosen.image_store_url
    try:
        ImageStore(where).try_out()
    except ImportError as error:
        yield bad("store", f"{where} needs a package that is not installed: {error}.")
    except OSError as error:
        yield bad("store", f"no picture can be kept in {where}: {error.strerror or error}.")
    else:
        yield good("store", f"pictures can be kept in {where}.")


def models(chosen: Settings) -> Iterator[Finding]:
    path = chosen.models
    try:
        catalogue = tomllib.loads(path.read_text())
    except FileNotFoundError:
        yield bad("models", f"{path} is missing: name the file with MODELS.")
        return
    except (OSError, tomllib.TOMLDecodeError) as error:
        yield bad("models", f"{path} cannot be read: {error}.")
        return
    named = catalogue.get("models", {})
    if not named:
        yield bad("models", f"{path} names no model.")
    for name, entry in named.items():
        source = str(entry.get("source", ""))
        if source.startswith((".", "/")) and not (path.parent / source).exists():
            yield bad("models", f"{name}: {path.parent / source} is missing.")
    if named:
        yield good("models", f"{path} names {', '.join(named)}.")


def redis(chosen: Settings) -> Iterator[Finding]:
    if not chosen.redis_url and not any(redis_server.programs()):
        yield bad("redis", "none found. Install redis-server 6.2 or later, or set REDIS_URL.")
        return
    url = redis_url(chosen)
    if url is None:
        program = next(redis_server.programs())
        yield good("redis", f"not running; `make up` starts {program} ({program.path}).")
        return
    try:
        name, _ = redis_server.check(url)
    except redis_server.RedisMissing as error:
        yield bad("redis", str(error))
        return
    except RedisError as error:
        running = chosen.redis_url or _is_up(chosen)
        yield (
            bad("redis", f"does not answer: {error}")
            if running
            else good("redis", "not running; `make up` starts it.")
        )
        return
    yield good("redis", f"{name} answers at {place(url)}.")
    client = connect(url)
    yield from running_redis(client, chosen)
    found = workers.live(client)
    for worker in found:
        yield good("worker", f"{worker.name} on {worker.device}: {worker.running} jobs under way.")
    if not found:
        yield bad("worker", "none lives: no picture is made. See worker-1.log in DATA/logs.")


def api(chosen: Settings) -> Iterator[Finding]:
    url = machine.local_url(chosen)
    try:
        trusted = tls.trusting(chosen.tls_folder)
        answer = httpx.get(f"{url}/api/v1/ready", timeout=5, verify=trusted)
    except httpx.ConnectError:
        if _is_up(chosen):
            yield bad("api", f"nothing listens at {url}. See api.log in DATA/logs.")
        else:
            yield good("api", f"not running; port {chosen.port} is free. `make up` starts it.")
        return
    except httpx.HTTPError as error:
        yield bad("api", f"{url} does not speak as it should ({error}): is that another program?")
        return
    if answer.status_code == 200:
        yield good("api", f"ready at {url}")
    elif answer.status_code == 503:
        yield bad("api", f"{url} is up but no job can run now: {answer.text.strip()[:300]}")
    else:
        yield bad("api", f"port {chosen.port} is in use by something else; set PORT.")
    if chosen.open and not is_loopback(chosen.host):
        yield warn("network", "OPEN: everybody on the network may do everything, without a token.")


CHECKS: tuple[Check, ...] = (python, torch, backend, memory, disk, store, models, redis, api)


def _is_up(chosen: Settings) -> bool:
    state = read_state(chosen.data)
    return state is not None and psutil.pid_exists(state.pid)


def _driver() -> str:
    program = shutil.which("nvidia-smi") or "nvidia-smi"
    query = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.split("\n")[0].strip()
