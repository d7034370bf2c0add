"""Draws docs/images/performance from benchmarks/results, and their place in docs/performance.md.

    python -m benchmarks.plots

A plot whose result is not there is left out. Each stands in docs/performance.md with the command
that measures it, between the lines `<!-- plots -->`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks import RESULTS, ROOT
from benchmarks.plots import card
from benchmarks.plots.svg import Axis, Points, bars, lines

FOLDER = ROOT / "docs" / "images" / "performance"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- plots -->\n", "<!-- /plots -->"

ARMS = {
    "E": "diffusers, one by one",
    "B": "diffusers, alike in one",
    "K": "diffusers, compiled",
    "W": "ours, whole requests",
    "ours": "ours",
}

Result = dict[str, Any]


@dataclass(frozen=True)
class Plot:
    """A picture: from which result, by which command, and what it shows in words."""

    name: str
    result: str
    command: str
    says: str
    draw: Callable[[Result], str]


def closed_rate(result: Result) -> str:
    """Pictures a second by callers."""
    return lines(
        "Pictures a second, by callers who each wait for theirs",
        Axis("callers"),
        Axis("pictures a second"),
        _by_arm(result["closed"], "a_second"),
    )


def closed_wait(result: Result) -> str:
    """Seconds for a picture by callers."""
    return lines(
        "Seconds for a picture (95th of 100), by callers",
        Axis("callers"),
        Axis("seconds", log=True),
        _by_arm(result["closed"], "p95"),
    )


def open_wait(result: Result) -> str:
    """Seconds for a picture by how many are asked for."""
    return lines(
        "Seconds for a picture (95th of 100), by pictures asked for a second",
        Axis("pictures asked for a second"),
        Axis("seconds", log=True),
        _by_load(result, "p95"),
    )


def open_good(result: Result) -> str:
    """Pictures a second that came in time by how many are asked for."""
    return lines(
        "Pictures a second within three times what one takes alone",
        Axis("pictures asked for a second"),
        Axis("in time a second"),
        _by_load(result, "goodput_a_second"),
    )


def closed_share(result: Result) -> str:
    """What was computed a second by callers, beside what the machine could."""
    return lines(
        "Computed a second, of the best product of matrices",
        Axis("callers"),
        Axis("%"),
        {
            said: [(x, 100 * y) for x, y in points]
            for said, points in _by_arm(result["closed"], "share_of_gemm").items()
        },
    )


def computed(result: Result) -> str:
    """The same of E, K and B, and of ours for one caller and for many."""
    many = str(result["callers"])
    names = {"E": "E", "K": "K", "one": "ours, 1", "B": "B", "many": f"ours, {many}"}
    names |= {"one bf16": "1, bf16", "many bf16": f"{many}, bf16"}
    return bars(
        "Computed a second, of the best product of matrices",
        Axis("%"),
        {
            said: {"share": 100 * result["computed"][arm]["share_of_gemm"]}
            for arm, said in names.items()
            if arm in result["computed"]
        },
    )


def soon(result: Result) -> str:
    """Seconds until something is there."""
    groups = {"first preview": "first_preview_seconds", "canceled": "cancel_seconds"}
    times = {said: result[name] for said, name in groups.items()}
    return bars(
        "Seconds from asking, alone and beside eight others",
        Axis("seconds"),
        {
            said: {kind: each["median"] for kind, each in found.items()}
            for said, found in times.items()
        },
    )


def _by_arm(loops: Result, what: str) -> dict[str, Points]:
    return {
        said: [(float(number), arms[arm][what]) for number, arms in loops.items() if arm in arms]
        for arm, said in ARMS.items()
    }


def _by_load(result: Result, what: str) -> dict[str, Points]:
    rates = [rate for rate in result["open"] if " " not in rate]
    can = result["capacity_a_second"]
    return {
        said: [
            (float(rate) * can[arm], result["open"][rate][arm][what])
            for rate in rates
            if arm in can
        ]
        for arm, said in ARMS.items()
    }


def png(result: Result) -> str:
    """What a PNG takes."""
    names = {"png_ms": "PNG, ours", "pillow_ms": "PNG, Pillow", "webp_ms": "WebP"}
    return bars(
        "Milliseconds of the processor for a picture's file",
        Axis("ms"),
        {
            f"{side} x {side}": {said: each[name] for name, said in names.items()}
            for side, each in result["pictures"].items()
        },
    )


def requests(result: Result) -> str:
    """What a request takes."""
    return bars(
        "Milliseconds of the processors for a request",
        Axis("ms"),
        {
            name: {"ours": each["ours"]["ms"], "bare Flask": each["flask"]["ms"]}
            for name, each in result["requests"].items()
        },
    )


def waiting(result: Result) -> str:
    """What a request takes while many jobs wait."""
    return lines(
        "Milliseconds that a request takes, by jobs that wait",
        Axis("waiting jobs", log=True),
        Axis("ms", log=True),
        {
            name: [
                (float(count), each[name]["waits_ms"]) for count, each in result["waiting"].items()
            ]
            for name in ("submit", "list", "waiting job")
        },
    )


def streams(result: Result) -> str:
    """How late streams are told."""
    return lines(
        "Milliseconds until the last stream is told, by streams",
        Axis("streams", log=True),
        Axis("ms", log=True),
        {
            "told": [
                (float(count), each["last_told_after_ms"])
                for count, each in result["streams"].items()
            ],
            "API's processor": [
                (float(count), max(0.01, each["api_ms_an_event"]))
                for count, each in result["streams"].items()
            ],
        },
    )


def gpus(result: Result) -> str:
    """How many GPUs one Redis serves."""
    return lines(
        "Of what the GPUs could do, and how busy Redis is",
        Axis("GPUs", log=True),
        Axis("part"),
        {
            said: [(each["gpus"], each[name]) for each in result["played"]]
            for name, said in (("of_what_they_could", "GPUs busy"), ("redis_busy", "Redis busy"))
        },
    )


LOAD = ".venv/bin/python -m benchmarks.load --mix {}"
PLOTS = (
    *(
        Plot(f"{name}-{mix}", f"load-{mix}", LOAD.format(mix), says, draw)
        for mix in ("steps", "same", "all", "loras", "families", "callers")
        for name, says, draw in (
            ("callers", "Pictures a second by callers", closed_rate),
            ("callers-wait", "Waiting by callers", closed_wait),
            ("callers-share", "Computed by callers", closed_share),
            ("load-wait", "Waiting by load", open_wait),
            ("load-good", "Pictures in time by load", open_good),
        )
    ),
    Plot(
        "computed",
        "arms",
        ".venv/bin/python -m benchmarks.beside.arms",
        "Computed beside the best",
        computed,
    ),
    Plot("soon", "soon", ".venv/bin/python -m benchmarks.server.soon", "How soon", soon),
    Plot(
        "files", "around", ".venv/bin/python -m benchmarks.server.around", "A picture's file", png
    ),
    Plot("api", "around", ".venv/bin/python -m benchmarks.server.around", "A request", requests),
    Plot("waiting", "growth", ".venv/bin/python -m benchmarks.growth", "Jobs that wait", waiting),
    Plot("streams", "growth", ".venv/bin/python -m benchmarks.growth", "Streams", streams),
    Plot("gpus", "simulate", ".venv/bin/python -m benchmarks.simulate", "GPUs at one Redis", gpus),
    *(
        Plot(
            f"card-{family}",
            "gpu-speed",
            "sh benchmarks/gpu.sh speed",
            f"A forward of {said} by rows",
            card.forwards(family),
        )
        for family, said in card.FAMILIES.items()
    ),
    Plot("card", "gpu-speed", "sh benchmarks/gpu.sh speed", "Pictures a second", card.arms),
    Plot("card-ends", "gpu-ends", "sh benchmarks/gpu.sh ends", "A picture's end", card.ends),
)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    told: list[str] = []
    for plot in PLOTS:
        file, drawing = RESULTS / f"{plot.result}.json", FOLDER / f"{plot.name}.svg"
        if not file.exists():
            drawing.unlink(missing_ok=True)
            continue
        result = json.loads(file.read_text())
        try:
            drawing.write_text(plot.draw(result), encoding="utf-8")
        except (KeyError, ValueError):
            # Measured in part, as by `--only` or without a rate.
            drawing.unlink(missing_ok=True)
            continue
        load = result.get("load_average")
        told += [
            f"![{plot.says}](images/performance/{plot.name}.svg)",
            f"`{plot.command}` ({result['machine']}, at a load of {load})\n",
        ]
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(told) + "\n" + END + after, encoding="utf-8")
    print(f"{len(told) // 2} plots in {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
