"""E, B, K and ours with one model: each in a process of its own, asked in turns.

E is diffusers one picture at a time, B the same program in one call of as many as there are
callers, K another that was compiled. What each took, and what none of that counts (starting,
compiling), goes into the report as it is known.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ceilings import Ceilings, achieved
from benchmarks.gpu.arms.child import Child, TookTooLong
from benchmarks.gpu.report import Report

GUIDANCE = 7.5
"""Diffusers' own where nobody chooses."""

SAMPLER = "euler"

PROMPT = "red apple, 3d"

START = 90.0
"""Seconds in which a program has to say that it is ready."""


@dataclass(frozen=True)
class Wanted:
    """What all arms make: a family's pictures, of this side and steps, in numbers of this kind;
    each takes so many `flops`."""

    family: str
    side: int
    steps: int
    dtype: str
    flops: int
    callers: Sequence[int]

    @property
    def name(self) -> str:
        """As the report has it."""
        return f"{self.family} {self.side}"


@dataclass
class Arm:
    """One that is timed: what has so many pictures made and says the seconds; all of its rounds."""

    made: Callable[[], float]
    pictures: int
    took: list[float] = field(default_factory=list[float])
    more: dict[str, Any] = field(default_factory=dict[str, Any])


class Arms:
    """The programs of one model, until they are closed."""

    def __init__(
        self, report: Report, wanted: Wanted, folder: Path, limits: Ceilings, home: Path
    ) -> None:
        self._report = report
        self._wanted = wanted
        self._folder = folder
        self._limits = limits
        self._home = home
        self._children: dict[str, Child] = {}
        self._arms: dict[str, Arm] = {}
        self._compiling = 0.0

    # Programs

    def begin_ours(self) -> None:
        """Have our engine load the model, meanwhile."""
        family = self._wanted.family
        catalogue = self._home / f"{family}.toml"
        catalogue.write_text(f'[models.{family}]\nsource = "{self._folder}"\n', encoding="utf-8")
        environment = {"MODELS": str(catalogue), "DATA": str(self._home / f"{family}-data")}
        self._begin("ours", "benchmarks.gpu.arms.ours", [family], environment)

    def begin_diffusers(self) -> None:
        """Have diffusers load it."""
        self._begin("E", "benchmarks.beside.bare", [*self._options, str(self._folder)])

    def begin_compiled(self, mode: str) -> None:
        """Have diffusers load and compile it, which takes a minute or more."""
        self._compiling = time.monotonic()
        cache = {"TORCHINDUCTOR_CACHE_DIR": str(self._home / "compiled")}
        options = [*self._options, "--compile", mode, str(self._folder)]
        self._begin("K", "benchmarks.beside.bare", options, cache)

    def await_compiled(self, mode: str, seconds: float) -> None:
        """Wait for that, so many seconds from its beginning. Raises TookTooLong."""
        end = self._compiling + seconds
        child = self._children["K"]
        try:
            child.ready(end - time.monotonic())
            self._call(child, 1, end - time.monotonic())
        except TookTooLong:
            raise TookTooLong(f"not compiled within {seconds:.0f} s ({mode})") from None
        took = time.monotonic() - self._compiling
        # The first call may have recorded what the second replays.
        self._call(child, 1, self._report.left)
        self._arms["K"] = Arm(
            lambda: self._call(child, 1, self._report.left),
            1,
            more={"mode": mode, "compiled": "denoiser, decoder", "start_and_compile_s": took},
        )

    def await_diffusers(self) -> None:
        """E can be timed from now on."""
        self._children["E"].ready(min(START, self._report.left))
        self._calls("E", 1)

    def await_many(self, pictures: int) -> None:
        """B, of so many pictures, can be timed from now on."""
        self._calls(f"B {pictures}", pictures)

    def _calls(self, name: str, pictures: int) -> None:
        child = self._children["E"]
        # The first time libraries choose how to compute this shape.
        self._call(child, pictures, self._report.left, steps=2)
        self._arms[name] = Arm(lambda: self._call(child, pictures, self._report.left), pictures)

    def prepare_ours(self, seconds: float) -> None:
        """Ours has measured and compiled what it wants, as long as these seconds."""
        child, wanted = self._children["ours"], self._wanted
        child.ready(min(START, self._report.left))
        found = child.ask(
            self._report.left,
            do="prepare",
            callers=wanted.callers,
            steps=wanted.steps,
            side=wanted.side,
            seconds=seconds,
        )
        for callers in wanted.callers:
            self._arms[f"ours {callers}"] = Arm(lambda n=callers: self._ours(n), callers)
        self._report.keep("arms", wanted.name, "prepared", value=found)

    def close(self) -> None:
        """End all of them."""
        for each in self._children.values():
            each.close()

    # Timing

    def in_turns(self, rounds: int) -> None:
        """Each arm that there is, so many times; the smallest first, so that all have a figure
        early."""
        order = sorted(self._arms, key=lambda name: self._arms[name].pictures)
        for number in range(rounds):
            for name in order:
                arm = self._arms[name]
                if number and self._report.left < 1.5 * max(arm.took, default=0.0):
                    continue
                self._report.attempt(f"{self._wanted.name} {name}", lambda arm=arm: _time(arm))
                if arm.took:
                    self._report.keep("arms", self._wanted.name, name, value=self._figures(arm))

    def compare(self) -> None:
        """How far a picture of ours is from diffusers', in levels of 255."""
        wanted = self._wanted
        self._call(self._children["E"], 1, self._report.left)
        asked = {"steps": wanted.steps, "side": wanted.side, "prompt": PROMPT}
        self._children["ours"].ask(self._report.left, do="pictures", callers=1, **asked)
        levels: list[np.ndarray] = []
        for name in ("E", "ours"):
            file = self._home / f"{name}.npy"
            self._children[name].save(file, self._report.left)
            levels.append((np.load(file)[0] * 255).round())
        apart = np.abs(levels[0] - levels[1])
        found = {"most": float(apart.max()), "mean": round(float(apart.mean()), 3)}
        self._report.keep("arms", wanted.name, "levels_apart", value=found)

    def mixed(self, steps: Sequence[int], load: float, seconds: float, least: int) -> None:
        """Ours, asked for different numbers of steps by callers who come when they like."""
        found = self._children["ours"].ask(
            self._report.left,
            do="mixed",
            steps=steps,
            side=self._wanted.side,
            load=load,
            seconds=seconds,
            least=least,
        )
        self._report.keep("mixed", self._wanted.name, value=found)

    def figures(self, name: str) -> Mapping[str, Any] | None:
        """What an arm found; None where it was not timed."""
        arm = self._arms.get(name)
        return self._figures(arm) if arm is not None and arm.took else None

    @property
    def _options(self) -> list[str]:
        return ["--dtype", self._wanted.dtype]

    def _begin(
        self, name: str, module: str, options: Sequence[str], more: Mapping[str, str] | None = None
    ) -> None:
        log = self._home / f"{self._wanted.family}-{name}.log"
        self._children[name] = Child(module, options, log, more)

    def _call(self, child: Child, count: int, seconds: float, steps: int | None = None) -> float:
        wanted = self._wanted
        return child.ask(
            seconds,
            count=count,
            prompt=PROMPT,
            steps=steps or wanted.steps,
            side=wanted.side,
            guidance=GUIDANCE,
            sampler=SAMPLER,
        )["seconds"]

    def _ours(self, callers: int) -> float:
        wanted = self._wanted
        asked = {"callers": callers, "steps": wanted.steps, "side": wanted.side}
        found = self._children["ours"].ask(self._report.left, do="pictures", **asked)
        seconds: float = found.pop("seconds")
        self._arms[f"ours {callers}"].more = {
            name: round(value, 3) for name, value in found.items()
        }
        return seconds

    def _figures(self, arm: Arm) -> dict[str, Any]:
        each = [seconds / arm.pictures for seconds in arm.took]
        middle = statistics.median(each)
        return {
            "seconds_a_picture": round(middle, 4),
            "from_to": [round(min(each), 4), round(max(each), 4)],
            "rounds": len(each),
            "pictures_a_second": round(1 / middle, 3),
            **achieved(self._wanted.flops, middle, self._limits),
            **arm.more,
        }


def _time(arm: Arm) -> None:
    arm.took.append(arm.made())


def without_omp() -> None:
    """From here on no program that is started is told how its threads wait."""
    for name in [each for each in os.environ if each.startswith("OMP_")]:
        del os.environ[name]
