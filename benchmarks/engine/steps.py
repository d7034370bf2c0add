"""What a step costs the host beside the network: ours, and diffusers' schedulers a row at a time.

    python -m benchmarks.engine.steps [--repeats 7] [--rows 1 8 32]

Pictures of the size that the shipped model makes walk by a network that answers at once. The engine
takes whole steps: who runs, rows stacked, guidance, samplers, accounts. Beside it, in the same
process and in turn, each picture has a scheduler of diffusers of its own, which is asked to scale
its latents and to take its step, and the rows are stacked. Of both the processor's time a step in
milliseconds, one thread, the least and the median of all blocks of steps, and the median of each
repeat's own ratio, go to benchmarks/results/steps.json; so does what it takes to lay out a walk of
20 steps and to work out its table, once for all pictures that walk alike.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import RESULTS, ROOT, save
from tests.engine.helpers import Shelf, open_pipeline
from tests.engine.sampling.stock_schedulers import quiet, stock_scheduler
from worker.engine import Engine, ImageRequest, TextEncoder, UNetModel
from worker.engine.memory.footprint import ForwardShape
from worker.engine.memory.notebook import Notebook
from worker.engine.parts.rows import Rows
from worker.engine.sampling.recipes import SAMPLERS
from worker.engine.sampling.sampler import make_sampler
from worker.engine.task import Stage

ROWS = (1, 8, 32)
STEPS = 40
BLOCK = 8
"""Steps that are timed at once: a clock's reading is no small part of one."""

DRAWS_LONG = "dpmpp_sde"
"""Its noise is of a tree of draws, whose cost is the same in both; "mixed" is without it."""

MIXED = [name for name in SAMPLERS if name != DRAWS_LONG]
SHAPE = (4, 16, 16)


class AtOnce(UNetModel):
    """A model whose network answers at once, always the same."""

    answers = torch.randn((64, *SHAPE), generator=torch.Generator().manual_seed(0))

    def forward(self, rows: Rows) -> torch.Tensor:
        return self.answers[: len(rows)]


def loaded() -> AtOnce:
    """The shipped model with such a network."""
    parts: Any = open_pipeline(ROOT / "models" / "emoji")
    return AtOnce(
        name="shipped",
        unet=parts.unet,
        vae=parts.vae,
        text_encoders=(TextEncoder(parts.tokenizer, parts.text_encoder),),
        scheduler_config=dict(parts.scheduler.config),
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


def request(sampler: str, seed: int) -> ImageRequest:
    """A picture of one row."""
    return ImageRequest("shipped", "red apple", "", 128, 128, STEPS, 1.0, seed, sampler)


def started(model: AtOnce, samplers: Sequence[str], notebook: Notebook) -> Engine:
    """An engine with a picture for each of these, all before their first step."""
    engine = Engine(Shelf(model), notebook=notebook)
    for number, sampler in enumerate(samplers):
        engine.add(str(number), request(sampler, number))
    while any(task.stage is Stage.ENCODE for task in engine.batcher.tasks):
        engine.step()
    return engine


def full_forwards(model: AtOnce, folder: Path) -> Notebook:
    """What an earlier start would have measured: as many rows as there can be."""
    engine = Engine(Shelf(model))
    engine.add("one", request("euler", 0))
    engine.step()
    key = engine.batcher.tasks[0].key
    assert key is not None
    rows: dict[ForwardShape, int] = {key.shape: 64}
    notebook = Notebook(folder / "rows.json", "cpu")
    notebook.write(rows, {key.shape: 1})
    return notebook


def by_engine(model: AtOnce, samplers: Sequence[str], notebook: Notebook) -> list[float]:
    """Seconds a step, of each block of steps."""
    engine = started(model, samplers, notebook)
    engine.step()
    return blocks(engine.step)


@torch.inference_mode()
def a_row_at_a_time(model: AtOnce, samplers: Sequence[str]) -> list[float]:
    """The same by diffusers' schedulers, one for each picture."""
    schedulers = [
        stock_scheduler(sampler, "automatic", model.scheduler_config, seed=number)
        for number, sampler in enumerate(samplers)
    ]
    generators = [torch.Generator().manual_seed(number) for number in range(len(samplers))]
    latents = [torch.randn((1, *SHAPE), generator=each) for each in generators]
    for index, scheduler in enumerate(schedulers):
        scheduler.set_timesteps(STEPS)
        latents[index] = latents[index] * scheduler.init_noise_sigma
    takes = ["generator" in each.step.__code__.co_varnames for each in schedulers]
    at = 0

    def step() -> None:
        nonlocal at
        timesteps = [each.timesteps[at] for each in schedulers]
        torch.cat(
            [
                scheduler.scale_model_input(own, timestep)
                for scheduler, own, timestep in zip(schedulers, latents, timesteps, strict=True)
            ]
        )
        torch.tensor([float(each) for each in timesteps])
        answers = model.answers[: len(samplers)]
        for index, scheduler in enumerate(schedulers):
            extra = {"generator": generators[index]} if takes[index] else {}
            answer = answers[index : index + 1]
            latents[index] = scheduler.step(
                answer, timesteps[index], latents[index], return_dict=False, **extra
            )[0]
        at += 1

    step()
    return blocks(step)


def blocks(step: Callable[[], Any]) -> list[float]:
    """Seconds of the processor a step, of each block; there are steps for four of them."""
    found: list[float] = []
    for _ in range(4):
        before = time.thread_time()
        for _ in range(BLOCK):
            step()
        found.append((time.thread_time() - before) / BLOCK)
    return found


def compared(
    model: AtOnce, samplers: Sequence[str], notebook: Notebook, repeats: int
) -> dict[str, float]:
    """Both in turn; the tables are there before."""
    by_engine(model, samplers, notebook)
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    for _ in range(repeats):
        ours.append(by_engine(model, samplers, notebook))
        with quiet():
            theirs.append(a_row_at_a_time(model, samplers))
    ratios = [
        statistics.median(b) / statistics.median(a) for a, b in zip(ours, theirs, strict=True)
    ]
    mine = [each for one in ours for each in one]
    other = [each for one in theirs for each in one]
    return {
        "ms": round(statistics.median(mine) * 1000, 3),
        "ms_least": round(min(mine) * 1000, 3),
        "diffusers_ms": round(statistics.median(other) * 1000, 3),
        "diffusers_ms_least": round(min(other) * 1000, 3),
        "ratio": round(statistics.median(ratios), 2),
    }


def laid_out(model: AtOnce, sampler: str) -> float:
    """Milliseconds until a walk of 20 steps that nobody walked before has its whole table."""
    before = time.thread_time()
    walk = make_sampler(sampler, {**model.scheduler_config, "asked": time.time()}, 20).walk
    for step in range(len(walk)):
        _ = walk[step]
    return round((time.thread_time() - before) * 1000, 2)


def measure(repeats: int, rows_each: Sequence[int]) -> dict[str, Any]:
    """All samplers with each of these numbers of rows."""
    torch.set_num_threads(1)
    model = loaded()
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": os.getloadavg()[0],
        "repeats": repeats,
        "rows": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        notebook = full_forwards(model, Path(folder))
        for rows in rows_each:
            found = result["rows"][rows] = {}
            for name in (*SAMPLERS, "mixed"):
                chosen = MIXED if name == "mixed" else [name]
                samplers = [chosen[at % len(chosen)] for at in range(rows)]
                found[name] = compared(model, samplers, notebook, repeats)
                print(f"{rows:3} rows  {name:18}", *found[name].values(), sep="  ", flush=True)
    result["table_ms"] = {name: laid_out(model, name) for name in SAMPLERS}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="The host's part of a step, against diffusers")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--output", type=Path, default=RESULTS / "steps.json")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    save(measure(options.repeats, options.rows), options.output)


if __name__ == "__main__":
    main()
