"""The engine against diffusers' own pipeline on this machine: ratios within one run.

    python -m benchmarks.engine.beside_diffusers [--callers 16] [--steps 20] [--dtype bfloat16]

Both make the same pictures in turn, so whatever else the machine does disturbs both; the medians
of the repeats go to benchmarks/results/engine.json.
"""

import os

# Threads that spin for a core which another process has would make both meaningless.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import itertools
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

from benchmarks import RESULTS, ROOT, save
from worker.engine import Engine, ImageRequest, LoadedModel, TextEncoder
from worker.engine.families.unet import UNetModel
from worker.engine.sampling.recipes import SAMPLERS

PROMPTS = (
    "red apple",
    "cat face",
    "rocket",
    "green heart",
    "birthday cake",
    "sun",
    "tree",
    "house",
)

_fresh = itertools.count()


class Shelf:
    """One loaded model, whatever its name."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model

    def get(self, name: str) -> LoadedModel:
        return self.model


class Forwards:
    """Adds up what the UNet alone takes."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.seconds, self.rows, self.count = 0.0, 0, 0
        self.other = 0.0

    def forward(self, model: str, rows: int, seconds: float) -> None:
        self.seconds += seconds
        self.rows += rows
        self.count += 1

    def stage(self, name: str, seconds: float) -> None:
        self.other += seconds


def open_pipeline(folder: Path, dtype: torch.dtype) -> StableDiffusionPipeline:
    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=dtype)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to("cuda" if torch.cuda.is_available() else "cpu")


def load(folder: Path, dtype: torch.dtype) -> UNetModel:
    pipeline: Any = open_pipeline(folder, dtype)
    return UNetModel(
        name="bench",
        unet=pipeline.unet,
        vae=pipeline.vae,
        text_encoders=(TextEncoder(pipeline.tokenizer, pipeline.text_encoder),),
        scheduler_config=dict(pipeline.scheduler.config),
        device=pipeline.device,
        dtype=dtype,
    )


def requests(options: argparse.Namespace, count: int) -> list[ImageRequest]:
    """Requests whose prompts nobody has sent before, so that the engine remembers none of them."""
    return [
        ImageRequest(
            model="bench",
            prompt=f"{PROMPTS[number % len(PROMPTS)]} {next(_fresh)}",
            negative_prompt="",
            width=options.size,
            height=options.size,
            steps=options.steps,
            guidance_scale=options.guidance,
            seed=number,
            sampler=options.sampler,
        )
        for number in range(count)
    ]


def run_stock(pipeline: Any, wanted: list[ImageRequest]) -> None:
    for request in wanted:
        pipeline(
            request.prompt,
            width=request.width,
            height=request.height,
            num_inference_steps=request.steps,
            guidance_scale=request.guidance_scale,
            generator=torch.Generator().manual_seed(request.seed),
            output_type="np",
        )


def run_engine(engine: Engine, wanted: list[ImageRequest]) -> None:
    for number, request in enumerate(wanted):
        engine.add(str(number), request)
    while not engine.idle:
        for finished in engine.step():
            if finished.error is not None:
                raise finished.error


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(options: argparse.Namespace) -> dict[str, Any]:
    dtype = getattr(torch, options.dtype)
    stock: Any = open_pipeline(options.model, getattr(torch, options.stock_dtype))
    recipe = SAMPLERS[options.sampler]
    config = stock.scheduler.config
    stock.scheduler = recipe.scheduler.from_config(config, **recipe.options(config))
    forwards = Forwards()
    engine = Engine(Shelf(load(options.model, dtype)), observer=forwards)

    # The row budget finds its size, caches fill.
    run_stock(stock, requests(options, 1))
    for _ in range(options.warm_up):
        run_engine(engine, requests(options, options.callers))
    run_engine(engine, requests(options, 1))

    times: dict[str, list[float]] = {"stock": [], "engine_one": [], "engine_many": []}
    around: list[float] = []
    rows: list[float] = []
    for _ in range(options.repeats):
        one, many = requests(options, 1), requests(options, options.callers)
        times["stock"].append(seconds(partial(run_stock, stock, one)))
        times["engine_one"].append(seconds(partial(run_engine, engine, one)))
        forwards.reset()
        total = seconds(partial(run_engine, engine, many))
        times["engine_many"].append(total / len(many))
        around.append((total - forwards.seconds - forwards.other) / forwards.count * 1000)
        rows.append(forwards.rows / forwards.count)
    median = {name: statistics.median(values) for name, values in times.items()}
    return {
        "machine": platform.machine(),
        "device": stock.device.type,
        "threads": torch.get_num_threads(),
        "model": options.model.name,
        "stock_dtype": options.stock_dtype,
        "engine_dtype": options.dtype,
        "sampler": options.sampler,
        "steps": options.steps,
        "callers": options.callers,
        "repeats": options.repeats,
        "stock_seconds_a_picture": round(median["stock"], 4),
        "engine_one_caller_seconds_a_picture": round(median["engine_one"], 4),
        "engine_pictures_a_second": round(1 / median["engine_many"], 3),
        "stock_pictures_a_second": round(1 / median["stock"], 3),
        "throughput_ratio": round(ratio(times["stock"], times["engine_many"]), 3),
        "one_caller_ratio": round(ratio(times["engine_one"], times["stock"]), 3),
        "rows_a_forward": round(statistics.median(rows), 1),
        "ms_around_the_model_a_step": round(statistics.median(around), 2),
    }


def ratio(above: list[float], below: list[float]) -> float:
    """Median of the repeats' own ratios: the two of a repeat ran side by side."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description="The engine against diffusers, in one run")
    shipped = ROOT / "models/emoji"
    parser.add_argument("--model", type=Path, default=shipped, help="a diffusers folder")
    parser.add_argument("--callers", type=int, default=16, help="pictures at once")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--size", type=int, default=128, help="width and height in pixels")
    parser.add_argument("--sampler", default="pndm", choices=list(SAMPLERS))
    parser.add_argument("--dtype", default="float32", help="the engine's; float32 or bfloat16")
    parser.add_argument("--stock-dtype", default="float32", help="the pipeline's")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=2, help="rounds of all callers before")
    parser.add_argument("--output", type=Path, default=RESULTS / "engine.json")
    options = parser.parse_args()
    result = measure(options)
    save(result, options.output)
    for name, value in result.items():
        print(f"{name:40} {value}")


if __name__ == "__main__":
    main()
