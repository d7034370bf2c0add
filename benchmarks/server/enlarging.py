"""One caller's small picture beside another's enlargements, by HTTP: seconds, and what was said.

    python -m benchmarks.server.enlarging [--side 3072] [--large 8] [--before FOLDER]

Anna has pictures enlarged by Lanczos alone, which are mostly PNG; Bert asks for one of 4 steps
after the other, alone and while hers are under way. With `--before`, a folder with another version
of the program, at both. Meanwhile each of Anna's jobs that is made and not yet stored is looked at:
what its `eta_s` says, and what it took from then on.

Results go to benchmarks/results/enlarging.json.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import RESULTS, ROOT, machine, save
from benchmarks.server.callers import ENDED, Caller, Server, server

SMALL = {"steps": 4, "sampler": "ddim"}


def picture(side: int) -> str:
    """A square picture with forms of several sizes and a little noise, as a data URI."""
    dice = np.random.default_rng(0)
    forms = Image.fromarray(dice.integers(0, 255, (side // 16, side // 16, 3), np.uint8))
    soft = np.asarray(forms.resize((side, side), Image.Resampling.BICUBIC), np.int16)
    noisy = (soft + dice.integers(-4, 5, soft.shape)).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def watched(caller: Caller, job: dict[str, Any]) -> list[tuple[float, float | None, bool]]:
    """A job's looks until it ends: when, its `eta_s`, and whether all of it is made."""
    looks: list[tuple[float, float | None, bool]] = []
    while job["status"] not in ENDED:
        job = caller.look(job)
        made = bool(job["progress"]) and job["progress"]["fraction"] == 1
        looks.append((time.perf_counter(), job["eta_s"], made))
        time.sleep(0.25)
    if job["status"] != "succeeded":
        raise RuntimeError(job["error"])
    return looks


def beside(here: Server, side: int, large: int) -> dict[str, Any]:
    """Bert's seconds alone and beside Anna's enlargements, and how true their `eta_s` was."""
    anna, bert = here.caller("anna"), here.caller("bert")
    shown = picture(side // 8)
    wanted = {"kind": "upscale", "image": shown, "scale": 8, "strength": 0, "upscaler": "lanczos"}
    anna.wait(anna.send(**wanted))
    bert.seconds(**SMALL)
    alone = [bert.seconds(seed=seed, **SMALL) for seed in range(5)]
    used, began = here.processor_seconds(), time.perf_counter()
    times: list[float] = []
    with ThreadPoolExecutor(large) as pool:
        jobs = list(pool.map(lambda seed: anna.send(seed=seed, **wanted), range(large)))
        every = [pool.submit(watched, anna, job) for job in jobs]
        while not all(each.done() for each in every):
            times.append(bert.seconds(seed=len(times), **SMALL))
    ended = max(each.result()[-1][0] for each in every)
    said = [
        (looks[-1][0] - when, eta)
        for looks in (each.result() for each in every)
        for when, eta, made in looks[:-1]
        if made
    ]
    known = [(left, eta) for left, eta in said if eta is not None]
    return {
        "alone_s": round(statistics.median(alone), 2),
        "beside_s": round(statistics.median(times), 2),
        "beside_slowest_s": round(max(times), 2),
        "small_pictures": len(times),
        "large_s": round(ended - began, 2),
        "processor_s": round(here.processor_seconds() - used, 2),
        "looks_at_made_ones": len(said),
        "said_nothing": sum(eta is None for _, eta in said),
        "said_zero": sum(eta == 0 for _, eta in said),
        "eta_off_by_median_s": known
        and round(statistics.median(abs(left - eta) for left, eta in known), 2),
        "left_median_s": said and round(statistics.median(left for left, _ in said), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="A small picture beside another's enlargements")
    parser.add_argument("--side", type=int, default=3072, help="pixels a side of the large ones")
    parser.add_argument("--large", type=int, default=8, help="how many large ones")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--before", type=Path, help="another version, to compare with")
    parser.add_argument("--output", type=Path, default=RESULTS / "enlarging.json")
    options = parser.parse_args()
    found: dict[str, Any] = machine() | {"load": round(os.getloadavg()[0], 1)}
    versions = {"now": ROOT} | ({"before": options.before} if options.before else {})
    for _ in range(options.rounds):
        for name, folder in versions.items():
            with server(folder, CAPACITY="16", WARM_UP="false", BACKEND="torch") as here:
                found.setdefault(name, []).append(beside(here, options.side, options.large))
            print(name, found[name][-1], flush=True)
    save(found, options.output)


if __name__ == "__main__":
    main()
