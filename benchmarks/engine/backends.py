"""The engine with compiled networks against the same engine on PyTorch alone, within one run.

    python -m benchmarks.engine.backends [--steps 20] [--repeats 3]

Both make the same pictures in turn, for one caller and for sixteen. On a busy machine the seconds
of the processors say more than those of the clock, so both are kept, and how far the pictures are
apart, in benchmarks/results/backends.json.
"""

import os

# As a worker has it: threads that spin would be counted as work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

from benchmarks import RESULTS, ROOT, save
from benchmarks.engine.studio import PROMPTS
from tests.engine.helpers import Shelf
from worker.engine import Backends, Cabinet, Engine, ImageRequest, TextEncoder
from worker.engine.backends.openvino import OpenVino
from worker.engine.families.unet import UNetModel

MODEL = ROOT / "models" / "emoji"
READY = 600.0
"""Seconds that compiling may take."""


def load(dtype: torch.dtype) -> UNetModel:
    """The model that ships, on a processor."""
    pipeline: Any = StableDiffusionPipeline.from_pretrained(MODEL, dtype=dtype)
    return UNetModel(
        name="bench",
        unet=pipeline.unet,
        vae=pipeline.vae,
        text_encoders=(TextEncoder(pipeline.tokenizer, pipeline.text_encoder),),
        scheduler_config=dict(pipeline.scheduler.config),
        device=pipeline.device,
        dtype=dtype,
    )


def requests(count: int, steps: int) -> list[ImageRequest]:
    return [
        ImageRequest(
            model="bench",
            prompt=PROMPTS[number % len(PROMPTS)],
            negative_prompt="",
            width=128,
            height=128,
            steps=steps,
            guidance_scale=4.0,
            seed=number,
            sampler="dpmpp_2m",
        )
        for number in range(count)
    ]


def make(engine: Engine, wanted: list[ImageRequest]) -> tuple[list[np.ndarray], float, float]:
    """The pictures, and the seconds of the clock and of the processors that one took."""
    started, before = time.perf_counter(), time.process_time()
    for number, request in enumerate(wanted):
        engine.add(str(number), request)
    made: dict[str, np.ndarray] = {}
    while not engine.idle:
        for done in engine.step():
            if done.image is None:
                raise RuntimeError(done.error)
            made[done.task_id] = done.image
    wall, used = time.perf_counter() - started, time.process_time() - before
    pictures = [made[str(number)] for number in range(len(wanted))]
    return pictures, wall / len(wanted), used / len(wanted)


def compile_all(engine: Engine, counts: tuple[int, ...], steps: int) -> None:
    """Has it compile what so many callers ask for."""
    for count in counts:
        make(engine, requests(count, 2))
    end, rested = time.monotonic() + READY, 0
    while rested < 100:
        if time.monotonic() > end:
            raise RuntimeError("it does not come to an end")
        rested = 0 if engine.improve() or not engine.compiled() else rested + 1
        time.sleep(0.1)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    counts = 1, 16
    found: dict[str, Any] = {}
    right: dict[int, list[np.ndarray]] = {}
    for dtype in (torch.float32, torch.bfloat16):
        shelf = Shelf(load(dtype))
        plain = Engine(shelf, max_rows=32)
        with tempfile.TemporaryDirectory() as folder:
            cabinet = Cabinet(Path(folder), Path(folder) / "notes.json", 10**9)
            backends = Backends([OpenVino()], cabinet, lambda _, __: True)
            compiled = Engine(shelf, max_rows=32, backends=backends)
            for engine in (plain, compiled):
                make(engine, requests(16, 12))
            compile_all(compiled, counts, options.steps)
            for count in counts:
                wanted = requests(count, options.steps)
                took: list[tuple[float, ...]] = []
                drawn = ours = list[np.ndarray]()
                for _ in range(options.repeats):
                    drawn, *theirs = make(plain, wanted)
                    ours, *mine = make(compiled, wanted)
                    took.append((*theirs, *mine))
                if dtype == torch.float32:
                    right[count] = drawn
                walls, used, our_walls, our_used = (
                    statistics.median(each) for each in zip(*took, strict=True)
                )
                found[f"{dtype}".removeprefix("torch.") + f", {count} callers"] = {
                    "plain_processor_seconds_a_picture": round(used, 3),
                    "compiled_processor_seconds_a_picture": round(our_used, 3),
                    "times_less_of_the_processors": round(used / our_used, 2),
                    "plain_seconds_a_picture": round(walls, 3),
                    "compiled_seconds_a_picture": round(our_walls, 3),
                    "times_as_fast": round(walls / our_walls, 2),
                    "compiled_from_plain_levels": apart(ours, drawn),
                    "compiled_from_plain_float32_levels": apart(ours, right[count]),
                }
                print(count, dtype, list(found.values())[-1], flush=True)
            backends.close()
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "model": MODEL.name,
        "steps": options.steps,
        "repeats": options.repeats,
        **found,
    }


def apart(some: list[np.ndarray], others: list[np.ndarray]) -> dict[str, float]:
    """The largest difference of a value, and the mean of all, in levels of 255."""
    levels = np.abs(np.stack(some).astype(int) - np.stack(others).astype(int))
    return {"most": int(levels.max()), "mean": round(float(levels.mean()), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Compiled networks against PyTorch, in one run")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS / "backends.json")
    options = parser.parse_args()
    save(measure(options), options.output)


if __name__ == "__main__":
    main()
