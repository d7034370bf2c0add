"""What both trainings share: a budget, a schedule, an average of weights, checkpoints.

Every random number of a step comes from a generator seeded with (seed, step). So a run needs no
generator state in its checkpoint, and one that stops and resumes continues exactly as if it had
not stopped, if its length is given in steps (a length in minutes depends on the machine's load).
"""

import json
import math
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from . import parallel

CHECKPOINT_SECONDS = 240.0
WARMUP = 0.01  # share of the budget over which the learning rate rises
FALL = 0.7  # share after which it falls


@dataclass
class Budget:
    """How long to train: so many minutes, or exactly so many steps where `steps` is given."""

    minutes: float
    steps: int | None = None

    def used(self, seconds: float, step: int) -> float:
        """The share that is used up, 0 to 1."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        return min(1.0, seconds / (60 * self.minutes)) if self.minutes > 0 else 1.0


def trapezoid(used: float) -> float:
    """Learning rate factor: a short rise, a long level, and a fall to zero at the end.

    The loss of a diffusion model falls most while the rate decays, so the fall always reaches
    zero: it follows the budget that is used, not a step count that a busy machine may not reach.
    The level lets a training go on beyond its first budget, from the checkpoint before the fall
    (Haegele et al. 2024, arXiv:2405.18392; the fall is their 1 - sqrt).
    """
    if used < WARMUP:
        return used / WARMUP
    if used < FALL:
        return 1.0
    return max(0.0, 1 - math.sqrt((used - FALL) / (1 - FALL)))


class Average:
    """Exponential moving average of a network's weights; what is exported is the average."""

    def __init__(self, network: nn.Module, decay: float):
        self.decay = decay
        self.live = list(network.parameters())
        self.mean = [p.detach().clone() for p in self.live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        # A young average follows fast; otherwise it would remember the start for long.
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.mean, [p.detach() for p in self.live], 1 - decay)

    @contextmanager
    def applied(self) -> Generator[None]:
        """The network computes with the average inside this block."""
        with torch.no_grad():
            kept = [p.detach().clone() for p in self.live]
            torch._foreach_copy_(self.live, self.mean)
            try:
                yield
            finally:
                torch._foreach_copy_(self.live, kept)


def seeded(device: torch.device, seed: int, step: int) -> torch.Generator:
    """The generator of one step, another one in each process of a parallel training."""
    number = (seed * 64 + parallel.rank()) * 1_000_003 + step
    return torch.Generator(device).manual_seed(number)


class Stop:
    """True once SIGTERM or SIGINT came inside its block: loops then save and leave."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> "Stop":
        numbers = (signal.SIGTERM, signal.SIGINT)
        self.before = {number: signal.signal(number, self._ask) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _ask(self, *_: object) -> None:
        self.asked = True

    def __bool__(self) -> bool:
        return self.asked


@dataclass
class Loop:
    """Runs steps until the budget is used, with a progress line, checkpoints and samples.

    `state` holds everything with a state_dict that a resumed run needs. What it was when the
    learning rate began to fall stays in `NAME.level.ckpt`: put in the place of `NAME.ckpt`, a
    larger budget goes on from there. Returns True from `run` when the budget is used up, False
    when it was asked to stop before that.
    """

    name: str
    folder: Path
    budget: Budget
    state: dict[str, object]
    average: Average
    stop: Stop
    sample: Callable[[int], None]
    sample_minutes: float = 5.0
    apart: int = 1  # steps between two moments at which the processes agree to go on

    def run(self, step_fn: Callable[[int, float], dict[str, float]]) -> bool:
        """`step_fn(step, used)` trains one step and returns the figures to show."""
        path = self.folder / f"{self.name}.ckpt"
        step, seconds = self._resume(path)
        started = time.monotonic() - seconds
        saved = sampled = shown = time.monotonic()
        means: dict[str, float] = {}
        level = self.budget.used(seconds, step) < FALL
        while True:
            used = self.budget.used(time.monotonic() - started, step)
            if step % self.apart == 0:
                used, stopping = parallel.agree(used, bool(self.stop))
                if stopping or used >= 1:
                    break
            for key, value in step_fn(step, used).items():
                means[key] = value if key not in means else 0.9 * means[key] + 0.1 * value
            step += 1
            self.average.update(step)
            if parallel.rank() > 0:
                continue
            now = time.monotonic()
            if level and used >= FALL:
                self._save(path.with_suffix(".level.ckpt"), step, now - started)
                level = False
            if step == 1:
                # The youngest age of the story: nothing is learnt yet.
                self._note(step, now - started, means)
                self.sample(step)
            if now - shown > 5:
                figures = "  ".join(f"{key} {value:.4f}" for key, value in means.items())
                print(f"\r{bar(used)} {self.name} step {step}  {figures} ", end="", flush=True)
                self._note(step, now - started, means)
                shown = now
            if now - saved > CHECKPOINT_SECONDS:
                self._save(path, step, now - started)
                saved = now
            if now - sampled > 60 * self.sample_minutes:
                self.sample(step)
                sampled = time.monotonic()
        seconds = time.monotonic() - started
        if parallel.rank() == 0:
            self._save(path, step, seconds)
            if means:
                self._note(step, seconds, means)
            print()
            if not stopping:
                self.sample(step)
                facts = {"steps": step, "minutes": round(seconds / 60, 1)}
                (self.folder / f"{self.name}.json").write_text(json.dumps(facts))
        return not stopping

    def _note(self, step: int, seconds: float, means: dict[str, float]) -> None:
        """Add a line to the curve of this training, one JSON object a line."""
        line = {"step": step, "seconds": round(seconds)} | {
            k: round(v, 6) for k, v in means.items()
        }
        with (self.folder / f"{self.name}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _save(self, path: Path, step: int, seconds: float) -> None:
        contents = {name: part.state_dict() for name, part in self.state.items()}
        contents |= {"average": self.average.mean, "step": step, "seconds": seconds}
        partial = path.with_suffix(".partial")
        torch.save(contents, partial)
        partial.replace(path)  # a kill while writing leaves the checkpoint before it

    def _resume(self, path: Path) -> tuple[int, float]:
        if not path.exists():
            return 0, 0.0
        contents = torch.load(path, map_location="cpu", weights_only=True)
        for name, part in self.state.items():
            part.load_state_dict(contents[name])
        with torch.no_grad():
            for mean, kept in zip(self.average.mean, contents["average"], strict=True):
                mean.copy_(kept)
        return contents["step"], contents["seconds"]


def bar(used: float, width: int = 20) -> str:
    """A progress bar of `width` characters."""
    full = round(used * width)
    return f"[{'#' * full}{'.' * (width - full)}] {100 * used:5.1f} %"
