"""Diffusers as its users run it: a program of its own, with nothing of ours in it.

    python benchmarks/beside/bare.py FOLDER STEPS GUIDANCE PROMPT

Each line that it reads is how many pictures one call makes, and may have steps, pixels of a side
and a sampler behind; its answer is a line with the seconds that the call took, and with the
processor's. The pictures of the last call go to the file that a line beginning with a slash names.
"""

import sys
import time

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
)

SAMPLERS = {
    "ddim": DDIMScheduler,
    "dpmpp_2m": DPMSolverMultistepScheduler,
    "euler": EulerDiscreteScheduler,
    "pndm": PNDMScheduler,
}


def main() -> None:
    folder, steps, guidance, prompt = sys.argv[1:5]
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    config = pipeline.scheduler.config
    pictures = np.zeros(0)
    print("ready", flush=True)
    for line in sys.stdin:
        if line.startswith("/"):
            np.save(line.strip(), pictures)
            print("saved", flush=True)
            continue
        count, *chosen = line.split()
        size = {}
        if chosen:
            steps, side, sampler = chosen
            size = {"height": int(side), "width": int(side)}
            pipeline.scheduler = SAMPLERS[sampler].from_config(config)
        started, before = time.perf_counter(), time.process_time()
        pictures = pipeline(
            [prompt] * int(count),
            num_inference_steps=int(steps),
            guidance_scale=float(guidance),
            generator=[torch.Generator().manual_seed(seed) for seed in range(int(count))],
            output_type="np",
            **size,
        ).images
        print(time.perf_counter() - started, time.process_time() - before, flush=True)


if __name__ == "__main__":
    main()
