"""Every family at its real size with random weights, one picture each: `sh benchmarks/gpu.sh`.

Of each: how far a tiny model's picture on the card is from the CPU's, the memory that weights and
work take, how often the host waits, and the seconds of a second picture. What there is no time or
no room for is said. Without a card a pretended one takes its place, with `--depth 1` and small
pictures: then figures mean nothing, and all that is run on a card was run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks import save
from benchmarks.gpu.card import card, gigabytes, give_back, there
from benchmarks.gpu.made import made
from benchmarks.gpu.networks import NETWORKS
from benchmarks.gpu.report import parser
from tests.engine.helpers import Shelf, drain
from tests.pretended import models
from worker.engine import Engine, ImageRequest, LoadedModel

LIKE = {"sd3-large": "sd3"}
"""Families whose tiny model is another's."""

ORDER = (
    *("sd1", "sdxl", "sana", "pixart-sigma", "lumina2", "sd3", "flux2-klein", "z-image"),
    *("sd3-large", "chroma", "flux", "qwen-image", "hidream", "flux2"),
)
"""From the smallest to the largest, for a time that ends."""

Waits = Callable[[], int]


class NoTime(Exception):
    """What there was is over; the family is left out."""


@dataclass
class Found:
    """What is known of a family; `said` is why the rest is not."""

    family: str
    levels: int | None = None
    weights_gb: float | None = None
    peak_gb: float | None = None
    first_s: float | None = None
    second_s: float | None = None
    waits: int | None = None
    said: str = ""


def main(asked: list[str] | None = None) -> int:
    options = parser("smoke", __doc__)
    depth, size, steps = (None, 1024, 4) if there() else (1, 64, 2)
    options.add_argument("--depth", type=int, default=depth, help="at most so many layers a kind")
    options.add_argument("--size", type=int, default=size, help="of the pictures, in pixels")
    options.add_argument("--steps", type=int, default=steps)
    options.add_argument("--only", nargs="*", default=ORDER, choices=ORDER, metavar="FAMILY")
    chosen = options.parse_args(asked)
    ends = time.monotonic() + chosen.seconds
    with card() as here, TemporaryDirectory() as home:
        results: list[Found] = []
        for family in (each for each in ORDER if each in chosen.only):
            found = Found(family)
            results.append(found)
            try:
                if time.monotonic() > ends:
                    raise NoTime
                like = LIKE.get(family, family)
                tiny = models.save(like, Path(home) / like)
                found.levels = compared(like, tiny)
                look(found, family, tiny, chosen, here.waits)
                here.check()
            except NoTime:
                found.said = "no time"
            except torch.OutOfMemoryError:
                found.said = "no room"
            # Whatever is wrong with one family, the others are looked at.
            except Exception as error:
                found.said = f"{type(error).__name__}: {error}"[:300]
            give_back()
            print(line(found), flush=True)
            families = [asdict(each) for each in results]
            save(here.described() | {"families": families}, chosen.out)
    wrong = [each for each in results if each.said not in ("", "no time", "no room")]
    print(f"{here.name}: {len(results) - len(wrong)} of {len(results)} families without an error")
    return 1 if wrong else 0


def look(found: Found, family: str, tiny: Path, chosen: argparse.Namespace, waits: Waits) -> None:
    """A picture of the family at its real size, and another."""
    cuda: Any = torch.cuda
    cuda.reset_peak_memory_stats()
    needed = weights_of(family) if chosen.depth is None else 0
    if needed > cuda.mem_get_info()[0]:
        found.said = "no room"
        found.weights_gb = round(needed / 1e9, 2)
        return
    half = torch.float16 if family in ("sd1", "sdxl") else torch.bfloat16
    model = made(family, tiny, torch.device("cuda"), half, chosen.depth)
    found.weights_gb = gigabytes(cuda.memory_allocated())
    request = models.request(family, width=chosen.size, height=chosen.size, steps=chosen.steps)
    times = [picture(model, replace(request, seed=seed), waits) for seed in (1, 2)]
    found.first_s, found.second_s = (round(seconds, 2) for seconds, _ in times)
    found.waits = times[1][1]
    found.peak_gb = gigabytes(cuda.max_memory_allocated())


def picture(model: LoadedModel, request: ImageRequest, waits: Waits) -> tuple[float, int]:
    """The seconds of a picture, and how often the host waited. Raises what it failed with."""
    engine = Engine(Shelf(model))
    before, start = waits(), time.monotonic()
    engine.add("one", request)
    done = drain(engine)["one"]
    if done.error is not None:
        raise done.error
    if done.image is None or done.image.shape != (request.height, request.width, 3):
        raise RuntimeError("no picture came of it")
    return time.monotonic() - start, waits() - before


def compared(family: str, tiny: Path) -> int:
    """The largest difference of a tiny model's picture from the CPU's, in levels of 255."""
    pictures: list[np.ndarray[Any, Any]] = []
    for device in ("cpu", "cuda"):
        model = models.load(family, tiny, "float32", device)
        engine = Engine(Shelf(model))
        engine.add("one", models.request(family))
        done = drain(engine)["one"]
        if done.error is not None or done.image is None:
            raise done.error or RuntimeError("no picture came of it")
        pictures.append(done.image.astype(int))
    return int(np.abs(pictures[0] - pictures[1]).max())


def weights_of(family: str) -> int:
    """Bytes of a family's weights, by its networks."""
    with torch.device("meta"):
        parts = [make(None) for make in NETWORKS[family].values()]
    return 2 * sum(each.numel() for part in parts for each in part.parameters())


def line(found: Found) -> str:
    said = {name: value for name, value in asdict(found).items() if value not in (None, "")}
    return "  ".join(f"{name} {value}" for name, value in said.items())


if __name__ == "__main__":
    raise SystemExit(main())
