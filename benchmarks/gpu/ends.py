"""What comes after a picture's last step: `sh benchmarks/gpu.sh ends`.

How long the decoder takes for several pictures in one call, and how long they take as the engine
decodes them, with the longest that anybody's step waits for it; what a preview takes; and what the
files of a picture take of a processor. Each beside the steps of such a picture. Without a card all
of it runs on a pretended one with a tiny model, and its figures mean nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.ceilings import Ceilings, achieved, ceilings, flops, timed
from benchmarks.gpu.card import card, there
from benchmarks.gpu.forwards import ROWS as UP_TO
from benchmarks.gpu.forwards import arguments
from benchmarks.gpu.made import made
from benchmarks.gpu.report import NoTime, Report, parser
from tests.engine.helpers import Shelf
from tests.pretended import models
from worker.engine import Engine, ImageRequest, LoadedModel

FAMILY = "sd1"

STEPS = 20
"""Of the picture whose share each of these is."""


@dataclass(frozen=True)
class Scale:
    """How large everything is: on a card, and where there is none."""

    sides: Sequence[int]
    rows: Sequence[int]
    forward: int
    """Rows of the forward whose share a picture has."""
    seconds: float
    """Of the card for each measurement."""
    gemm: Sequence[int] | None = None
    copied: int | None = None
    tiny: bool = False


CARD = Scale((512, 1024), tuple(each for each in UP_TO if each <= 16), 16, 0.4)
SMALL = Scale((32, 64), (1, 2), 2, 0.0, (64,), 1 << 16, tiny=True)


class Decodes:
    """The seconds of each decode, as the engine tells them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def forward(self, model: str, rows: int, seconds: float) -> None:
        """A forward."""

    def stage(self, name: str, seconds: float) -> None:
        """An encode or a decode."""
        if name == "decode":
            self.seconds.append(seconds)


class Ends:
    """The part, unit by unit; each leaves its figures in the report."""

    def __init__(self, report: Report, scale: Scale, home: Path) -> None:
        self._report = report
        self._scale = scale
        self._limits: Ceilings | None = None
        tiny = models.save(FAMILY, home / FAMILY)
        device = torch.device("cuda")
        if scale.tiny:
            self._model: LoadedModel = models.load(FAMILY, tiny, "float16")
        else:
            self._model = made(FAMILY, tiny, device, torch.float16, None)

    def run(self, only: Sequence[str]) -> None:
        """All units that were asked for."""
        report = self._report
        report.attempt("ceilings", self._ceilings)
        for side in self._scale.sides:
            report.attempt(f"steps {side}", partial(self._steps, side))
            if "decode" in only:
                report.attempt(f"decode {side}", partial(self._decoder, side))
                report.attempt(f"decode {side} in the engine", partial(self._engine, side))
            if "previews" in only:
                report.attempt(f"preview {side}", partial(self._preview, side))
        if "files" in only:
            report.attempt("files", self._files)

    def _ceilings(self) -> None:
        scale = self._scale
        self._limits = ceilings(
            torch.device("cuda"), torch.float16, sides=scale.gemm, copied=scale.copied
        )
        self._report.keep("ceilings", value=self._limits.__dict__)

    @torch.inference_mode()
    def _steps(self, side: int) -> None:
        network, rows = self._model.denoiser[0], self._scale.forward
        asked = arguments(network, FAMILY, rows, side, pixels=self._model.factor)
        seconds = statistics.median(
            timed(self._model.device, lambda: network(**asked), self._scale.seconds)
        )
        self._keep(side, "steps_ms", 1000 * seconds / rows * 2 * STEPS)

    @torch.inference_mode()
    def _decoder(self, side: int) -> None:
        """The decoder alone, several pictures in a call."""
        autoencoder, table = self._model.autoencoder, list[dict[str, Any]]()
        vae: Any = autoencoder.vae
        for rows in self._scale.rows:
            if self._report.left < 1:
                raise NoTime
            latents = self._latents(rows, side)
            work = flops(vae.decoder, latents.to(vae.dtype))
            decode = partial(autoencoder.decoded, latents)
            seconds = statistics.median(timed(self._model.device, decode, self._scale.seconds))
            table.append(
                {"rows": rows, "ms_a_picture": round(1000 * seconds / rows, 3)}
                | (achieved(work, seconds, self._limits) if self._limits else {})
            )
            self._keep(side, "decoder", table)
            print(f"  {side} {table[-1]}", flush=True)
        self._keep_share(side, "decode", min(each["ms_a_picture"] for each in table))

    def _engine(self, side: int) -> None:
        """As the engine does it for pictures that end together: its own way, to the host's memory,
        and the longest that it was away from steps."""
        table: list[dict[str, Any]] = []
        for pictures in self._scale.rows:
            if self._report.left < 1:
                raise NoTime
            decodes = Decodes()
            engine = Engine(Shelf(self._model), observer=decodes)
            longest = 0.0
            for _ in range(2):
                # The first time libraries choose how to compute this shape.
                decodes.seconds.clear()
                longest = self._at_once(engine, pictures, side)
            table.append(
                {
                    "pictures": pictures,
                    "decodes": len(decodes.seconds),
                    "ms_a_picture": round(1000 * sum(decodes.seconds) / pictures, 3),
                    "longest_away_ms": round(1000 * longest, 3),
                }
            )
            self._keep(side, "engine", table)
            print(f"  {side} {table[-1]}", flush=True)
        self._keep_share(side, "decode_in_the_engine", table[-1]["ms_a_picture"])

    def _at_once(self, engine: Engine, pictures: int, side: int) -> float:
        """The longest turn of the engine in which a picture ended."""
        for number in range(pictures):
            asked = ImageRequest(
                self._model.name, "red apple", "", side, side, 1, 7.5, number, "euler"
            )
            engine.add(str(number), asked)
        longest, cuda = 0.0, torch.cuda
        while not engine.idle:
            # Else a decode would seem to take what it waits for, the forward before it.
            cuda.synchronize()
            began = time.perf_counter()
            done = engine.step()
            if done:
                longest = max(longest, time.perf_counter() - began)
            for each in done:
                if each.error is not None:
                    raise each.error
        return longest

    @torch.inference_mode()
    def _preview(self, side: int) -> None:
        latents, took = self._latents(1, side), list[float]()
        for _ in range(6):
            began = time.perf_counter()
            self._model.preview(latents)
            took.append(time.perf_counter() - began)
        milliseconds = 1000 * statistics.median(took[1:])
        self._keep(side, "preview_ms", milliseconds)
        self._keep_share(side, "preview", milliseconds)

    def _files(self) -> None:
        # It takes Flask, which a machine may lack that has all the rest.
        from benchmarks.server.files import pictures

        for side, found in pictures(5, self._scale.sides).items():
            self._keep(int(side), "files", found)
            for name in ("png_ms", "webp_ms"):
                self._keep_share(int(side), name.removesuffix("_ms"), found[name])

    def _latents(self, rows: int, side: int) -> torch.Tensor:
        model = self._model
        shape = (rows, model.latent_channels, *model.latent_size(side, side))
        return torch.randn(shape, device=model.device)

    def _keep(self, side: int, name: str, value: Any) -> None:
        kept = round(value, 3) if isinstance(value, float) else value
        self._report.keep(str(side), name, value=kept)

    def _keep_share(self, side: int, name: str, milliseconds: float) -> None:
        """How much of a picture that is: of its steps, in a full forward, and this."""
        steps = self._report.result.get(str(side), {}).get("steps_ms")
        if steps:
            share = milliseconds / (steps + milliseconds)
            self._report.keep(str(side), "share_of_a_picture", name, value=round(share, 4))


UNITS = ("decode", "previews", "files")


def main(asked: list[str] | None = None) -> int:
    options = parser("ends", __doc__)
    options.add_argument("--only", nargs="*", default=UNITS, choices=UNITS, metavar="UNIT")
    chosen = options.parse_args(asked)
    scale = CARD if there() else SMALL
    with card(warned=False) as here, TemporaryDirectory(prefix="gpu-") as home:
        report = Report(here, chosen.out, chosen.seconds)
        Ends(report, scale, Path(home)).run(chosen.only)
        for side in scale.sides:
            print(side, report.result.get(str(side), {}).get("share_of_a_picture"))
        return report.ended()


if __name__ == "__main__":
    raise SystemExit(main())
