"""How fast a card is with our engine and with diffusers: `sh benchmarks/gpu.sh speed`.

In this order, the most wanted first: what the card can do at most (matrix products, copies); a
forward of Stable Diffusion 1.5 by rows; pictures of it by diffusers one at a time (E), in one call
(B) and compiled (K), and by our engine for 1, 8 and 32 callers, in turns; pictures of 4, 20 and 50
steps that come when they like; the same arms for SDXL; forwards of SDXL and of Stable Diffusion 3.
Then the goals, met or not. Without a card all of it runs on a pretended one and the processor, with
tiny models, and its figures mean nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.beside.compiled import MODES
from benchmarks.ceilings import Ceilings, ceilings, flops
from benchmarks.gpu.arms.arms import Arms, Wanted, without_omp
from benchmarks.gpu.arms.goals import goals, said
from benchmarks.gpu.card import card, give_back, there
from benchmarks.gpu.folders import DECODER, DENOISER, one, save_model
from benchmarks.gpu.forwards import FAMILIES, ROWS, arguments, by_rows
from benchmarks.gpu.report import Report, parser

UNITS = ("forwards-sd1", "arms-sd1", "mixed", "arms-sdxl", "forwards-sdxl", "forwards-sd3")

MIXED = (4, 20, 50)
LOAD = 0.8

ROUNDS = 3

ROWS_A_PICTURE = 2
"""With the prompt, and without."""


@dataclass(frozen=True)
class Scale:
    """How large everything is: on a card, and where there is none."""

    sides: Sequence[int]
    rows: Sequence[int]
    arms: dict[str, int]
    together: dict[str, int]
    """Pictures in one call of diffusers."""
    callers: Sequence[int]
    steps: int
    mixed_s: float
    """Seconds of pictures that come when they like."""
    least: int
    """And how many of them at least."""
    gemm: Sequence[int] | None = None
    copied: int | None = None
    pixels: int = 8
    forwards_s: float = 0.4
    """Seconds of the card for each number of rows."""
    tiny: bool = False


CARD = Scale(
    sides=(512, 768, 1024),
    rows=ROWS,
    arms={"sd1": 512, "sdxl": 1024},
    # Diffusers decodes all of them at once, of SDXL in float32.
    together={"sd1": 32, "sdxl": 8},
    callers=(1, 8, 32),
    steps=20,
    mixed_s=20.0,
    least=60,
)
SMALL = Scale(
    sides=(32,),
    rows=(1, 2),
    arms={"sd1": 32, "sdxl": 32},
    together={"sd1": 2, "sdxl": 2},
    callers=(1, 2),
    steps=4,
    mixed_s=0.5,
    least=6,
    gemm=(64,),
    copied=1 << 16,
    pixels=2,
    forwards_s=0.0,
    tiny=True,
)


class Speed:
    """The part, unit by unit; each leaves its figures in the report."""

    def __init__(
        self, report: Report, chosen: argparse.Namespace, scale: Scale, home: Path
    ) -> None:
        self._report = report
        self._chosen = chosen
        self._scale = scale
        self._home = home
        self._limits: dict[torch.dtype, Ceilings] = {}

    def run(self) -> None:
        """All units that were asked for."""
        self._report.attempt("ceilings", self._ceilings)
        if not self._limits:
            return
        wanted = self._chosen.only
        for family in ("sd1", "sdxl", "sd3"):
            if family == "sd1" and "forwards-sd1" in wanted:
                self._forwards(family)
            if family == "sd1" and {"arms-sd1", "mixed"} & set(wanted):
                self._report.attempt("arms sd1", partial(self._arms, "sd1"), needs=30)
            if family == "sdxl" and "arms-sdxl" in wanted:
                self._report.attempt("arms sdxl", partial(self._arms, "sdxl"), needs=45)
            if family != "sd1" and f"forwards-{family}" in wanted:
                self._forwards(family)

    def _ceilings(self) -> None:
        device, scale = torch.device("cuda"), self._scale
        for dtype in (torch.float16, torch.bfloat16):
            found = ceilings(device, dtype, sides=scale.gemm, copied=scale.copied)
            self._limits[dtype] = found
            self._report.keep("ceilings", found.dtype, value=asdict(found))
            print(f"  {found.said}", flush=True)

    def _forwards(self, family: str) -> None:
        scale, limits = self._scale, self._limits[FAMILIES[family].dtype]
        work = partial(
            by_rows,
            self._report,
            family,
            scale.sides,
            scale.rows,
            limits,
            self._home,
            pixels=scale.pixels,
            seconds=scale.forwards_s,
            tiny=scale.tiny,
        )
        self._report.attempt(f"forwards {family}", work, needs=8)

    def _arms(self, family: str) -> None:
        report, scale, chosen = self._report, self._scale, self._chosen
        folder = save_model(family, self._home / family, FAMILIES[family].dtype, tiny=scale.tiny)
        give_back()
        compares = f"arms-{family}" in chosen.only
        compiles = compares and family == "sd1" and chosen.compile_seconds > 0
        with self._programs(family, folder) as arms:
            if compiles:
                arms.begin_compiled(chosen.mode)
            if compares:
                arms.begin_diffusers()
            arms.begin_ours()
            # Compiling takes the host and now and then the card: nothing is timed meanwhile.
            if compiles:
                waiting = partial(arms.await_compiled, chosen.mode, chosen.compile_seconds)
                report.attempt("K", waiting)
            if compares and report.attempt(f"{family} E", arms.await_diffusers):
                many = partial(arms.await_many, scale.together[family])
                report.attempt(f"{family} B", many)
            prepare = partial(arms.prepare_ours, chosen.improve_seconds)
            ours = report.attempt(f"{family} ours", prepare)
            if compares:
                arms.in_turns(chosen.rounds)
            if compares and ours:
                report.attempt(f"{family} levels apart", arms.compare)
            if ours and family == "sd1" and "mixed" in chosen.only:
                mixed = partial(arms.mixed, MIXED, LOAD, scale.mixed_s, scale.least)
                report.attempt("mixed", mixed, needs=min(40.0, 3 * scale.mixed_s))

    @contextmanager
    def _programs(self, family: str, folder: Path) -> Iterator[Arms]:
        chosen, scale = FAMILIES[family], self._scale
        steps = self._chosen.steps or scale.steps
        wanted = Wanted(
            family,
            scale.arms[family],
            steps,
            # The processor's own where there is no card: of half precision it makes heavy weather.
            "float32" if scale.tiny else str(chosen.dtype).removeprefix("torch."),
            self._flops(family, steps),
            scale.callers,
        )
        arms = Arms(self._report, wanted, folder, self._limits[chosen.dtype], self._home)
        try:
            yield arms
        finally:
            arms.close()

    def _flops(self, family: str, steps: int) -> int:
        """Of a picture's denoiser and decoder, worked out without weights."""
        scale, side = self._scale, self._scale.arms[family]
        device = torch.device("cpu" if scale.tiny else "meta")
        network, vae = (
            one(part, family, self._home / family, device, torch.float32, tiny=scale.tiny)
            for part in (DENOISER, DECODER)
        )
        row = flops(network, **arguments(network, family, 1, side, pixels=scale.pixels))
        latent = side // scale.pixels
        shape = (1, vae.config.latent_channels, latent, latent)
        return row * ROWS_A_PICTURE * steps + flops(vae.decoder, torch.empty(shape, device=device))


def table(name: str, arms: Mapping[str, Any]) -> Iterator[str]:
    """A line for each arm that was timed."""
    for arm, found in arms.items():
        if "pictures_a_second" in found:
            yield (
                f"{name:10} {arm:8} {found['seconds_a_picture']:8.3f} s a picture"
                f" {found['pictures_a_second']:8.2f} a second"
                f" {100 * found['share_of_gemm']:6.1f} % of the best product"
            )


def main(asked: list[str] | None = None) -> int:
    options = parser("speed", __doc__)
    options.add_argument("--only", nargs="*", default=UNITS, choices=UNITS, metavar="UNIT")
    options.add_argument(
        "--more", action="store_true", help="add to the figures that are in the file"
    )
    options.add_argument("--steps", type=int, help="of a picture of the arms")
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--mode", default=MODES[1], choices=MODES, help="in which K is compiled")
    options.add_argument(
        "--compile-seconds", type=float, default=75, help="for K to start and compile; 0: no K"
    )
    options.add_argument(
        "--improve-seconds", type=float, default=30, help="for our engine before it is timed"
    )
    chosen = options.parse_args(asked)
    scale = CARD if there() else SMALL
    if there():
        without_omp()
    with card(warned=False) as here, TemporaryDirectory(prefix="gpu-") as home:
        report = Report(here, chosen.out, chosen.seconds, more=chosen.more)
        Speed(report, chosen, scale, Path(home)).run()
        found = goals(report.result, scale.arms)
        report.keep("goals", value=found)
        for name, arms in report.result.get("arms", {}).items():
            print(*table(name, arms), sep="\n")
        for each in found:
            print(said(each))
        return report.ended()


if __name__ == "__main__":
    raise SystemExit(main())
