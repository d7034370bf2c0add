"""A page with a picture of everything the engine does, by the model that ships: `make gallery`.

    python -m benchmarks.gallery [--output build/gallery] [--model emoji] [--only mask]

All pictures are made together, in one engine, by the steps and the guidance of models.toml.
"""

from __future__ import annotations

import os

# Threads that spin for a core which another process has would make it many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import html
import time
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

import torch
from PIL import Image

from benchmarks import ROOT
from benchmarks.engine.studio import Studio
from benchmarks.gallery.rows import (
    APPLE,
    CORNER,
    DRAWN,
    EXAMPLES,
    FISH,
    HALF,
    HEART,
    HOUSE,
    LEARNED,
    LEARNED_FROM,
    SIDE,
    SOURCES,
    UPPER,
    Row,
    adapted,
    corner,
    fish,
    heart,
    house,
    rows,
    upper_half,
)
from models.recipe.adapters.looks.by_hand import by_hand
from worker.engine import LoadedModel
from worker.engine.model_source import AddOnKind
from worker.models.catalogue import Catalogue, read_catalogue
from worker.models.loading.add_ons.add_ons import load_add_on
from worker.models.tables import AddOnEntry

GAP = 8
"""Pixels between the pictures of the sheet."""

Pictures = Mapping[str, Image.Image]

STYLE = """
:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; }
section { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); }
figure { margin: 0; border: 1px solid #8886; border-radius: .5rem; padding: .75rem; }
.row { display: flex; gap: .5rem; align-items: flex-end; flex-wrap: wrap; }
img { max-width: 100%; border-radius: .25rem; }
figcaption { margin-top: .5rem; overflow-wrap: anywhere; }
code { font-size: .8rem; color: #777; }
nav a { margin-right: 1rem; white-space: nowrap; }
"""


def teach(studio: Studio) -> None:
    """Gives the model a learned word, as a textual inversion would: the vectors of other words."""
    model = studio.get(studio.card.name)
    if isinstance(model, LoadedModel):
        vectors: list[torch.Tensor] = []
        for each in model.text_encoders:
            tokens = each.tokenizer(LEARNED_FROM, add_special_tokens=False)["input_ids"]
            vectors.append(each.model.get_input_embeddings().weight[tokens])
        model.prompts.add_embedding(LEARNED, vectors)


def add(studio: Studio, catalogue: Catalogue) -> None:
    """Offers what ships beside the model."""
    there: Mapping[AddOnKind, Mapping[str, AddOnEntry]] = {
        "lora": catalogue.loras,
        "controlnet": catalogue.controlnets,
        "ip-adapter": catalogue.ip_adapters,
    }
    for kind, entries in there.items():
        for name, entry in entries.items():
            studio.offer(kind, name, load_add_on(kind, entry, torch.device("cpu"), torch.float32))


def make_sources(studio: Studio) -> dict[str, Image.Image]:
    """The pictures and masks that rows start from, by name."""
    made = studio.develop({name: studio.order(**fields) for name, fields in SOURCES.items()})
    sources = {name: Image.fromarray(picture) for name, picture in made.items()}
    half = sources[APPLE].crop((0, 0, SIDE * 9 // 16, SIDE))
    masks = {HEART: heart(), UPPER: upper_half(), CORNER: corner()}
    drawn = {HOUSE: house(), FISH: fish(), DRAWN: by_hand("house")}
    return sources | masks | {HALF: half} | drawn


def make_pictures(studio: Studio, wanted: list[Row], sources: Pictures) -> list[Image.Image]:
    """The picture of each row, all made in one engine."""
    orders = {
        str(number): studio.order(
            {pointer: sources[name] for pointer, name in row.pictures.items()}, **row.fields
        )
        for number, row in enumerate(wanted)
    }
    made = studio.develop(orders)
    return [Image.fromarray(made[str(number)]) for number in range(len(wanted))]


def write_page(folder: Path, wanted: list[Row], made: list[Image.Image], sources: Pictures) -> None:
    """index.html and the pictures beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in sources.items():
        picture.save(folder / _file(name))
    for number, picture in enumerate(made):
        picture.save(folder / f"{number}.png")
    numbered = list(enumerate(wanted))
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        f"<title>Darkroom's gallery</title><style>{STYLE}</style><h1>Darkroom's gallery</h1>",
        f"<p>{len(made)} pictures by the model that ships, all made together in one engine.",
        "and by the LoRA that was trained for it.</p>",
    ]
    sections = list(dict.fromkeys(row.section for row in wanted))
    links = "".join(f'<a href="#{_anchor(name)}">{html.escape(name)}</a> ' for name in sections)
    parts.append(f"<nav>{links}</nav>")
    for section, members in groupby(numbered, key=lambda one: one[1].section):
        parts.append(f'<h2 id="{_anchor(section)}">{html.escape(section)}</h2><section>')
        parts += [_figure(number, row) for number, row in members]
        parts.append("</section>")
    (folder / "index.html").write_text("\n".join(parts) + "\n", encoding="utf-8")


def write_sheet(file: Path, wanted: list[Row], made: list[Image.Image], sources: Pictures) -> None:
    """One picture of all kinds: what each starts from above what comes of it."""
    shown = [
        (row, picture)
        for row, picture in zip(wanted, made, strict=True)
        if row.fields.get("kind") and row.section.startswith(row.fields["kind"])
    ]
    first = {row.fields["kind"]: (row, picture) for row, picture in reversed(shown)}
    names = [kind for kind in EXAMPLES if kind in first]
    sheet = Image.new("RGB", (len(names) * (SIDE + GAP) + GAP, 2 * (SIDE + GAP) + GAP), "white")
    for column, (row, picture) in enumerate(first[name] for name in names):
        left = GAP + column * (SIDE + GAP)
        small = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        sheet.paste(small, (left, SIDE + 2 * GAP))
        if row.image:
            source = sources[row.image]
            sheet.paste(source, (left, GAP))
    sheet.save(file)


def write_adapters(
    file: Path, wanted: list[Row], made: list[Image.Image], sources: Pictures
) -> None:
    """What the adapters do, one in a row: each picture after what it is made of, once."""
    ours = list(adapted())
    shown: dict[str, list[Image.Image]] = {}
    for row, picture in zip(wanted, made, strict=True):
        if row in ours:
            line = shown.setdefault(row.title.partition(",")[0], [])
            made_of = [sources[name] for name in row.pictures.values()]
            line += [*(each for each in made_of if each not in line), picture]
    step, across = SIDE + GAP, max(map(len, shown.values()), default=0)
    sheet = Image.new("RGB", (across * step + GAP, len(shown) * step + GAP), "white")
    for down, line in enumerate(shown.values()):
        for right, picture in enumerate(line):
            sheet.paste(picture.resize((SIDE, SIDE)), (GAP + right * step, GAP + down * step))
    sheet.save(file)


def _figure(number: int, row: Row) -> str:
    pictures = [
        f'<img src="{_file(name)}" alt="{html.escape(name)}" title="starts from" width=96>'
        for name in row.pictures.values()
    ]
    prompt = html.escape(row.fields["prompt"])
    settings = ", ".join(
        f"{name} {value}" for name, value in row.fields.items() if name != "prompt"
    )
    pictures.append(f'<img src="{number}.png" alt="{prompt}">')
    return (
        f"<figure><div class=row>{''.join(pictures)}</div><figcaption>"
        f"<strong>{html.escape(row.title)}</strong><br>{prompt}<br>"
        f"<code>{html.escape(settings)}</code></figcaption></figure>"
    )


def _file(name: str) -> str:
    return f"{_anchor(name)}.png"


def _anchor(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())


def main() -> None:
    parser = argparse.ArgumentParser(description="A page with a picture of everything")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "gallery")
    parser.add_argument("--model", default="emoji", help="a model of models.toml")
    parser.add_argument("--only", default="", help="sections whose name has this in it")
    options = parser.parse_args()
    started = time.monotonic()
    catalogue = read_catalogue(ROOT / "models.toml")
    studio = Studio(catalogue.entries[options.model])
    add(studio, catalogue)
    teach(studio)
    sources = make_sources(studio)
    wanted = [row for row in rows() if options.only.lower() in row.section.lower()]
    made = make_pictures(studio, wanted, sources)
    write_page(options.output, wanted, made, sources)
    write_sheet(options.output / "sheet.png", wanted, made, sources)
    write_adapters(options.output / "adapters.png", wanted, made, sources)
    seconds = time.monotonic() - started
    print(f"{len(made)} pictures in {seconds:.0f} s: {options.output / 'index.html'}")


if __name__ == "__main__":
    main()
