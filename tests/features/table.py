"""The tables of docs/features.md: what belongs into them, how the page is written and read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from jobs.request.model_card import Kind
from jobs.request.samplers import SAMPLERS, SCHEDULES
from tests.dropped.dropping.page import section
from tests.features.options import OPTIONS

ELSEWHERE: tuple[Kind, ...] = ("edit", "walk")
"""Edits are what other models do, which tests/worker/test_edits.py compares with diffusers; walks
are several pictures of text-to-image, which tests/walks compares."""

KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind not in ELSEWHERE)
PASSED, FAILED, NOT_DONE = "yes", "failed", "-"

INTRODUCTION = """# What works with what

Every `yes` in these tables is a test that passed. Its picture is made by the engine from a tiny
model of that family, once alone and once among pictures of all other kinds, and comes out equal
both times within the [tolerance](operations.md#the-same-picture-again); it has the size that was
asked for, keeps what its kind promises to keep, and an option shows in it. `-` is what a family
does not do, or what would change nothing there. `make features` runs the tests and writes this
page; `make gallery` makes a page of pictures, each sampler, schedule and option, by the model that
ships and the [adapters](model.md#adapters) beside it.
"""

BESIDE = """## Beside the tables

What does not go by the family, each with the test that has it:

- A class label, `class_label`: U-Nets that were taught classes (`classes` of `/models`), compared
  with diffusers' own (`tests/conditions/test_class_label.py`).
- Restored faces, `restore_faces`: every model and kind, those that run whole as well, where there
  is a face restorer (`tests/conditions/test_faces.py`).
- Preprocessors, with weights or without: every ControlNet and T2I-Adapter
  (`tests/conditions/test_maps.py`).
- Styles: every model, since they are put to the prompts before a model reads them
  (`tests/prompts/test_styles.py`).
"""

FROM_A_PICTURE: tuple[Kind, ...] = ("image-to-image", "upscale", "variations")
WITH_A_MASK: tuple[Kind, ...] = ("inpaint", "outpaint")

DOES: Mapping[str, tuple[Kind, ...]] = {
    "sd1": KINDS,
    "sd1-inpainting": WITH_A_MASK,
    "sd2": KINDS,
    "sd2-zero-snr": KINDS,
    "sd1-cosine": KINDS,
    "lcm": KINDS,
    "turbo": KINDS,
    "sdxl": KINDS,
    "sdxl-inpainting": WITH_A_MASK,
    "sdxl-refiner": FROM_A_PICTURE,
    "sd3": KINDS,
    "flux": KINDS,
    "qwen-image": KINDS,
    "qwen-image-21": KINDS,
    "z-image": KINDS,
    "sana": KINDS,
    "pixart-sigma": KINDS,
    "lumina2": KINDS,
    "flux2": KINDS,
    "flux2-klein": KINDS,
    "chroma": KINDS,
    "hidream": KINDS,
    "kolors": KINDS,
}
"""The kinds of each family of tests/tiny/models.py and tests/tiny/pipelines/pipelines.py."""

FLOW = (
    "sd3",
    "flux",
    "qwen-image",
    "qwen-image-21",
    "z-image",
    "sana",
    "lumina2",
    "flux2",
    "flux2-klein",
    "chroma",
    "hidream",
)
"""Those of them that predict a flow."""

WHOLE: Mapping[str, tuple[str, tuple[Kind, ...]]] = {
    "pixart": ("PixArt-Alpha", ("text-to-image",)),
    "edm": (
        "SDXL with the noise of EDM",
        ("text-to-image", "image-to-image", "variations", "inpaint", "outpaint"),
    ),
}
"""Pipelines that the engine does not take apart, as tests/tiny/pipelines makes them."""

SCHEDULED, OPTIONAL, RUN_WHOLE = "Schedules", "Options", "Pipelines that run whole"


@dataclass(frozen=True)
class Cell:
    """One thing that can be asked for."""

    table: str
    row: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}-{self.row}-{self.column}"


@dataclass(frozen=True)
class Table:
    """One table: its rows by name with what the page calls them, its columns, what is done."""

    corner: str
    rows: Mapping[str, str]
    columns: tuple[str, ...]
    does: Callable[[str, str], bool]
    note: str = ""


def _does_kind(kind: Kind) -> Callable[[str, str], bool]:
    return lambda sampler, family: kind in DOES[family] and sampler in samplers_of(family)


def samplers_of(family: str) -> list[str]:
    """The samplers that fit what a family predicts."""
    flow = family in FLOW
    return [name for name, info in SAMPLERS.items() if info.flow or not flow]


_SAMPLER_ROWS = {name: f"{info.title} `{name}`" for name, info in SAMPLERS.items()}

TABLES: Mapping[str, Table] = {
    **{kind: Table("sampler", _SAMPLER_ROWS, tuple(DOES), _does_kind(kind)) for kind in KINDS},
    SCHEDULED: Table(
        "sampler",
        _SAMPLER_ROWS,
        tuple(SCHEDULES),
        lambda sampler, schedule: schedule in SAMPLERS[sampler].schedules,
        "Each sampler with each schedule that it takes, in the family sd1.",
    ),
    OPTIONAL: Table(
        "option",
        {name: f"{option.title} `{name}`" for name, option in OPTIONS.items()},
        tuple(DOES),
        lambda option, family: OPTIONS[option].kind(family, DOES[family]) is not None,
        "Each in the first of its kinds that the family does.",
    ),
    RUN_WHOLE: Table(
        "pipeline",
        {name: f"{title} `{name}`" for name, (title, _) in WHOLE.items()},
        KINDS,
        lambda pipeline, kind: kind in WHOLE[pipeline][1],
        "Any other text-to-image pipeline of diffusers runs as a whole, one picture at a time,\n"
        "between the steps of the batches. It has a sampler of its own, and draws over pictures\n"
        "where diffusers' auto pipelines have one for it.",
    ),
}


def cells(name: str) -> list[Cell]:
    """What of a table is done."""
    table = TABLES[name]
    return [
        Cell(name, row, column)
        for row in table.rows
        for column in table.columns
        if table.does(row, column)
    ]


def write_page(target: Path, results: Mapping[Cell, bool]) -> None:
    """Writes the page; a cell that failed or was not run shows as `failed`."""
    parts = [INTRODUCTION]
    for name, table in TABLES.items():
        parts.append(f"## {name}\n")
        parts += [f"{table.note}\n"] if table.note else []
        parts.append(f"| {' | '.join((table.corner, *table.columns))} |")
        parts.append("|---" * (len(table.columns) + 1) + "|")
        for row, label in table.rows.items():
            said = (_said(Cell(name, row, column), results) for column in table.columns)
            parts.append(f"| {' | '.join((label, *said))} |")
        parts.append("")
    parts += [BESIDE, section()]
    target.write_text("\n".join(parts), encoding="utf-8")


def read_page(page: Path) -> dict[Cell, str]:
    """What the page says of each cell."""
    said: dict[Cell, str] = {}
    name, columns = "", list[str]()
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            name, columns = line.removeprefix("## "), []
        elif line.startswith("| "):
            first, *rest = (part.strip() for part in line.strip("|").split("|"))
            if not columns:
                columns = rest
                continue
            row = re.sub(r".*`(\S+)`.*", r"\1", first)
            words = zip(columns, rest, strict=True)
            said |= {Cell(name, row, column): word for column, word in words}
    return said


def _said(cell: Cell, results: Mapping[Cell, bool]) -> str:
    if not TABLES[cell.table].does(cell.row, cell.column):
        return NOT_DONE
    return PASSED if results.get(cell) else FAILED
