"""The whole server against diffusers' own pipeline on this machine: ratios within one run.

    python -m benchmarks.server.serving [--callers 16] [--steps 20] [--repeats 5]

Starts `darkroom up` on a port and a folder of its own. The server and the bare pipeline make the
same pictures in turn, so whatever else the machine does disturbs both; medians go to
benchmarks/results/serving.json.
"""

import os

# Threads that spin for a core which another process has would make both meaningless.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from prometheus_client.parser import text_string_to_metric_families

from benchmarks import RESULTS, ROOT, save
from benchmarks.engine.beside_diffusers import PROMPTS, ratio
from worker.engine.sampling.recipes import SAMPLERS
from worker.models.catalogue import read_catalogue
from worker.models.files.sources import locate

START = 180.0
"""Seconds a server may take until it can run a job."""

MODEL_SECONDS = ("darkroom_step_seconds", "darkroom_stage_seconds")
"""Metrics that together are the time in the model: forwards, and encode and decode."""


@contextmanager
def server() -> Generator[httpx.Client]:
    """`darkroom up` on a free port and an empty folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as data:
        environment = os.environ | {"PORT": str(port), "HOST": "127.0.0.1", "DATA": data}
        environment.pop("REDIS_URL", None)
        process = subprocess.Popen(
            [sys.executable, "-m", "darkroom", "up"], env=environment, stdout=subprocess.DEVNULL
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
                _await(client, process)
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _await(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        try:
            if client.get("/api/v1/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError("the server did not start")


def picture(client: httpx.Client, fields: dict[str, Any]) -> float:
    """Seconds from sending a request to holding its PNG."""
    started = time.perf_counter()
    answer = client.post("/api/v1/jobs", json=fields, headers={"Prefer": "wait=60"}).json()
    while answer["status"] in ("queued", "running"):
        time.sleep(0.02)
        answer = client.get(answer["urls"]["self"]).json()
    if answer["status"] != "succeeded":
        raise RuntimeError(answer["error"])
    if not client.get(answer["outputs"][0]["url"]).content.startswith(b"\x89PNG"):
        raise RuntimeError("that is no PNG")
    return time.perf_counter() - started


def model_seconds(client: httpx.Client) -> dict[str, float]:
    """Sums so far of each measured part of the work."""
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(client.get("/api/v1/metrics").text):
        for sample in family.samples:
            if family.name in MODEL_SECONDS and sample.name.endswith("_sum"):
                sums[sample.labels.get("stage", "step")] = sample.value
    return sums


def rows_a_forward(client: httpx.Client) -> tuple[float, float]:
    """Rows and forwards so far."""
    values = {"sum": 0.0, "count": 0.0}
    for family in text_string_to_metric_families(client.get("/api/v1/metrics").text):
        for sample in family.samples:
            if family.name == "darkroom_forward_rows" and sample.name[21:].strip("_") in values:
                values[sample.name[21:].strip("_")] += sample.value
    return values["sum"], values["count"]


def settled(client: httpx.Client) -> dict[str, float]:
    """The sums once the worker's next heartbeat has brought them up to date."""
    time.sleep(5)
    return model_seconds(client)


def measure(options: argparse.Namespace, client: httpx.Client) -> dict[str, Any]:
    catalogue = read_catalogue(ROOT / "models.toml")
    folder = locate(catalogue[catalogue.default]).config
    stock: Any = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    stock.set_progress_bar_config(disable=True)
    recipe = SAMPLERS[options.sampler]
    config = stock.scheduler.config
    stock.scheduler = recipe.scheduler.from_config(config, **recipe.options(config))
    common = {
        "steps": options.steps,
        "sampler": options.sampler,
        "guidance_scale": options.guidance,
    }
    wanted = [
        {"prompt": PROMPTS[i % len(PROMPTS)], "seed": i} | common for i in range(options.callers)
    ]

    def run_stock() -> None:
        stock(
            PROMPTS[0],
            num_inference_steps=options.steps,
            guidance_scale=options.guidance,
            generator=torch.Generator().manual_seed(0),
        )

    def run_many() -> None:
        with ThreadPoolExecutor(options.callers) as pool:
            list(pool.map(lambda fields: picture(client, fields), wanted))

    run_stock()
    for _ in range(options.warm_up):
        run_many()
    picture(client, wanted[0])

    times: dict[str, list[float]] = {"stock": [], "one": [], "many": []}
    before = rows_a_forward(client)
    for _ in range(options.repeats):
        times["stock"].append(seconds(run_stock))
        times["one"].append(picture(client, wanted[0]))
        times["many"].append(seconds(run_many) / options.callers)
    after = rows_a_forward(client)
    median = {name: statistics.median(values) for name, values in times.items()}
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "model": catalogue.default,
        "sampler": options.sampler,
        "steps": options.steps,
        "callers": options.callers,
        "repeats": options.repeats,
        "one_caller_post_to_png_seconds": round(median["one"], 3),
        "stock_seconds_a_picture": round(median["stock"], 3),
        "one_caller_ratio": round(ratio(times["one"], times["stock"]), 3),
        "server_pictures_a_second": round(1 / median["many"], 3),
        "stock_pictures_a_second": round(1 / median["stock"], 3),
        "throughput_ratio": round(ratio(times["stock"], times["many"]), 3),
        "rows_a_forward": round((after[0] - before[0]) / max(1, after[1] - before[1]), 1),
        "ms_around_the_model_a_job": round(around_the_model(options, client, wanted[0]), 1),
    }


def around_the_model(
    options: argparse.Namespace, client: httpx.Client, fields: dict[str, Any]
) -> float:
    """Milliseconds from POST to PNG that are not encode, forwards or decode, for one caller."""
    before = settled(client)
    total = sum(picture(client, fields | {"seed": i}) for i in range(options.jobs))
    after = settled(client)
    inside = sum(after[part] - before.get(part, 0) for part in ("step", "encode", "decode"))
    return (total - inside) / options.jobs * 1000


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--callers", type=int, default=16, help="pictures at once")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--sampler", default="pndm", choices=list(SAMPLERS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=2, help="rounds of all callers before")
    parser.add_argument("--jobs", type=int, default=10, help="jobs for the time around the model")
    parser.add_argument("--output", type=Path, default=RESULTS / "serving.json")
    options = parser.parse_args()
    with server() as client:
        result = measure(options, client)
    save(result, options.output)
    for name, value in result.items():
        print(f"{name:34} {value}")


if __name__ == "__main__":
    main()
