"""Stable Diffusion 1.5 at its real size, with random weights, beside diffusers: one caller.

    python -m benchmarks.beside.full_size [--side 256] [--steps 10] [--rounds 5] [--model FOLDER]

The model is made once, 4 GB in `build/bench/sd1`, with the tokenizer of the one that ships; what a
picture shows is noise, and takes as long as any. The server has compiled what it wants before. What
is computed, of the UNet alone, stands beside the best product of matrices of the same run. Results
go to benchmarks/results/full-size.json.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.schedulers.scheduling_pndm import PNDMScheduler
from transformers import AutoTokenizer

from benchmarks import RESULTS, ROOT, machine, save
from benchmarks.beside.sides import MODEL, PROMPT, Bare, Callers, apart, bare, plain, said, summary
from benchmarks.ceilings import achieved, ceilings, flops
from benchmarks.gpu.networks import NETWORKS
from benchmarks.server.callers import Server, server

NAME = "sd1"
GUIDANCE = 7.5
PIXELS = 8
"""Of a side of the picture for one of the latents."""


def make(folder: Path, side: int) -> None:
    """Write the model, which draws pictures of this side where nobody says another."""
    torch.manual_seed(0)
    networks = {name: network(None) for name, network in NETWORKS[NAME].items()}
    networks["unet"].register_to_config(sample_size=side // PIXELS)
    StableDiffusionPipeline(
        **networks,
        tokenizer=AutoTokenizer.from_pretrained(MODEL / "tokenizer", model_max_length=77),
        scheduler=PNDMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            skip_prk_steps=True,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)


def operations(side: int) -> float:
    """What a step of one picture asks the UNet for: two rows."""
    with torch.device("meta"):
        unet = NETWORKS[NAME]["unet"](None)
        latents = torch.empty(2, 4, side // PIXELS, side // PIXELS)
        return flops(unet, latents, torch.tensor(1), torch.empty(2, 77, 768))


def measure(options: argparse.Namespace, there: Server, stock: Bare) -> dict[str, Any]:
    ours = Callers(there, options.steps, GUIDANCE)
    for _ in range(2):
        ours.together(NAME, 1)
        ours.settle(NAME)
    stock.pictures(1)
    arms: dict[str, Callable[[], tuple[float, float]]] = {
        "E": partial(stock.pictures, 1),
        "ours": partial(ours.together, NAME, 1),
    }
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in arms}
    for number in range(options.rounds):
        for name, arm in arms.items():
            took[name].append(arm())
        print(number, {name: round(each[-1][0], 2) for name, each in took.items()}, flush=True)
    # PNDM asks once more than there are steps.
    work = operations(options.side) * (options.steps + 1)
    limits = ceilings(torch.device("cpu"), torch.float32)
    return {
        **machine(),
        "side": options.side,
        "steps": options.steps,
        "rounds": options.rounds,
        "backend": ours.backend(NAME),
        "levels_apart": apart(ours.one(NAME, prompt=PROMPT)[1], stock.last()),
        "seconds_a_picture": {name: summary(each, 0) for name, each in took.items()},
        "processor_seconds_a_picture": {name: summary(each, 1) for name, each in took.items()},
        "ceilings": asdict(limits),
        "computed": {
            name: achieved(work, statistics.median(seconds for seconds, _ in each), limits)
            for name, each in took.items()
        },
        "device_share": ours.device_share(NAME, 1),
        "times_as_fast": said(took["E"], took["ours"], 0),
        "times_less_of_the_processors": said(took["E"], took["ours"], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="A large model on the server beside diffusers")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", type=Path, default=ROOT / "build" / "bench" / NAME)
    parser.add_argument("--output", type=Path, default=RESULTS / "full-size.json")
    options = parser.parse_args()
    plain()
    if not (options.model / "model_index.json").is_file():
        make(options.model, options.side)
    with tempfile.TemporaryDirectory() as folder:
        catalogue = Path(folder) / "models.toml"
        catalogue.write_text(f'[models.{NAME}]\nsource = "{options.model}"\n', encoding="utf-8")
        with (
            server(MODELS=str(catalogue), SPARE_WORKER="false", MDNS="false") as there,
            bare(options.steps, GUIDANCE, options.model) as stock,
        ):
            result = measure(options, there, stock)
    save(result, options.output)
    for name, value in result.items():
        print(f"{name:30} {value}")


if __name__ == "__main__":
    main()
