"""Diffusers as its users run it: a program of its own, with nothing of ours in it.

    python -m benchmarks.beside.bare [--compile MODE] [--dtype float16] FOLDER...

Holds a pipeline of each folder. Each line that it reads is one call, in JSON: `count` pictures of a
`prompt` with seeds from 0, `steps`, `guidance`, and where wanted the pixels of a `side`, a
`sampler` in place of the pipeline's own, the `model` (its folder's name) and `loras`, a list of
files and weights. Its answer says the `seconds` that the call took, and those of the processors
(`used`).
A line with `save` writes the pictures of the last call to that file.

With `--compile` denoisers and decoders are compiled (`compiled.py`) when they are first called, and
again where pictures of another size or number are. Where there is a card they are on it.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DiffusionPipeline,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
)

from benchmarks.beside.compiled import MODES, compile_pipeline

SAMPLERS = {
    "ddim": DDIMScheduler,
    "dpmpp_2m": DPMSolverMultistepScheduler,
    "euler": EulerDiscreteScheduler,
    "pndm": PNDMScheduler,
}


class Held:
    """A pipeline, and what was added to it."""

    def __init__(self, folder: str, mode: str | None, dtype: str | None = None) -> None:
        numbers = {"dtype": getattr(torch, dtype)} if dtype else {}
        self.pipeline = DiffusionPipeline.from_pretrained(folder, **numbers)
        if torch.cuda.is_available():
            self.pipeline.to("cuda")
        self.pipeline.set_progress_bar_config(disable=True)
        self.own = self.pipeline.scheduler
        self.loras: dict[str, str] = {}
        if mode:
            compile_pipeline(self.pipeline, mode)

    def wear(self, wanted: list[tuple[str, float]]) -> None:
        """Have these LoRAs act and no others. Each is loaded when it is first asked for."""
        for file, _ in wanted:
            if file not in self.loras:
                name = f"lora{len(self.loras)}"
                self.pipeline.load_lora_weights(file, adapter_name=name)
                self.loras[file] = name
        if wanted:
            self.pipeline.enable_lora()
            names, weights = [self.loras[file] for file, _ in wanted], [each for _, each in wanted]
            self.pipeline.set_adapters(names, weights)
        elif self.loras:
            self.pipeline.disable_lora()

    def make(self, call: dict[str, Any]) -> np.ndarray:
        """The pictures of one call, numbers from 0 to 1."""
        self.pipeline.scheduler = self.own
        if sampler := call.get("sampler"):
            self.pipeline.scheduler = SAMPLERS[sampler].from_config(self.own.config)
        self.wear([(file, weight) for file, weight in call.get("loras", ())])
        count, side = call["count"], call.get("side")
        return self.pipeline(
            [call["prompt"]] * count,
            num_inference_steps=call["steps"],
            guidance_scale=call["guidance"],
            generator=[torch.Generator().manual_seed(seed) for seed in range(count)],
            output_type="np",
            **({"height": side, "width": side} if side else {}),
        ).images


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--compile", choices=MODES)
    parser.add_argument("--dtype", help="float16 or bfloat16, as one has it on a card")
    parser.add_argument("folders", nargs="+")
    options = parser.parse_args()
    held = {Path(each).name: Held(each, options.compile, options.dtype) for each in options.folders}
    pictures = np.zeros(0)
    print("ready", flush=True)
    for line in sys.stdin:
        call = json.loads(line)
        if "save" in call:
            np.save(call["save"], pictures)
            print("saved", flush=True)
            continue
        started, before = time.perf_counter(), time.process_time()
        try:
            pictures = held[call.get("model") or next(iter(held))].make(call)
        except torch.OutOfMemoryError:
            print(json.dumps({"error": "no room on the card"}), flush=True)
            continue
        took, used = time.perf_counter() - started, time.process_time() - before
        print(json.dumps({"seconds": took, "used": used}), flush=True)


if __name__ == "__main__":
    main()
