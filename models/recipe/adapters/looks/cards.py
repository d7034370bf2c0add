"""The cards of the adapters: written from what was measured, so that they cannot disagree."""

import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ... import autoencoder, sampling
from ...card import LICENCES
from ...data import Pictures
from ...evaluation.judge import Judge
from ...scenes.things import read_things
from ..settings import Preset
from . import asked, measures
from .drawing import drawer

SEEDS = (0, 100)

HEAD = """\
---
license: other
library_name: diffusers
base_model: emoji
---

# {name}

{what}

![Pictures with it and without](pictures.png)

{shown}

## Use

{use}

## How it was made

{how}

`python -m models.recipe.adapters --kind {kind}`, {minutes:g} minutes on a CPU core: {steps:,} steps
of {batch} pictures, seed {seed}. The model itself stayed as it was.{note}

## Figures

Of {count} pictures by {seeds} seeds, 20 steps, guidance 4, drawn by stock diffusers:

| | Without | With |
|---|---|---|
{figures}

## Limits

{limits}

## Licences and attribution

The code is under this repository's licence. The weights learnt from these works; keep the
attributions below when you pass them on.

{licences}

The words are from [emojibase-data](https://github.com/milesj/emojibase), MIT (c) Miles Johnson,
after Unicode CLDR.
"""

TEXTS: dict[str, dict[str, str]] = {
    "style": {
        "what": """A LoRA for the model [emoji](../../emoji/README.md): everything is drawn in ink,
            black lines on white.""",
        "shown": "Above without it, below with it; two seeds, none picked by hand.",
        "use": """`<lora:ink:1>` in a prompt, `loras` of a request, a tap on the page; in diffusers
            `pipe.load_lora_weights(folder)`. Half the weight is half the way.""",
        "how": """The art that the model learnt from, turned into drawings by an operation on
            images (outlines, and what is darker than round about), with the same words.""",
        "limits": """
- A colour in the prompt is not to be seen any more.
- What is small or thin runs together into black.""",
    },
    "edges": {
        "what": """A ControlNet for the model [emoji](../../emoji/README.md): pictures follow lines,
            those of another picture (`canny`) or drawn by hand.""",
        "shown": """The lines, two pictures without them and two with them, of the same words and
            seeds; none picked by hand. The last two columns are lines of an unsteady hand.""",
        "use": """`controls` of a request with `canny-edges` as its model and `canny` as its
            preprocessor, or `invert` for black lines on white paper; in diffusers
            `ControlNetModel.from_pretrained(folder)`. It reads white lines on black.""",
        "how": """The model's own art, single and composed, and lines of it: the server's own Canny,
            outlines, thick and unsteady ones, some with a part missing; three in ten without
            words.""",
        "limits": """
- Lines closer than some three pixels become one area.
- It was shown things on white: the lines of a photograph's background become things too.
- It draws what the model knows: lines of something else are filled with the nearest emoji.""",
    },
    "reference": {
        "what": """An IP-Adapter for the model [emoji](../../emoji/README.md) with its image
            encoder: pictures show what another picture shows, in its colours.""",
        "shown": """The reference, two pictures without it and two with it, without any words, and
            one with it and the words "in blue"; none picked by hand. The left half are things as
            another set of emoji draws them, on another ground; the right half are drawn in a few
            shapes, as training showed none.""",
        "use": """`ip_adapters` of a request with `ip-adapter-likeness` as its model, with words or
            without; in diffusers `pipe.load_ip_adapter(folder, subfolder="",
            weight_name="ip-adapter.safetensors", image_encoder_folder="image_encoder")`.""",
        "how": """The model's own art, single and composed, beside views of it: turned, cut,
            mirrored, in another light, on any ground, and the same thing as other sets draw it.
            First the encoder alone learnt to make of a picture what the model's text encoder makes
            of its name. Then the attentions learnt what no name says, and what words beside a
            picture change: there the model itself, told "blue rocket", taught what it is to draw of
            a rocket and "in blue".""",
        "limits": """
- It was shown drawings, never a photograph: of one it takes colours and rough shape.
- What it does not recognise becomes something near: a thing of that colour and shape.
- Words change colour, number or style; words for another thing are mixed with it.
- One thing a picture: of several it takes the colours.""",
    },
}


def paragraph(text: str) -> str:
    """Text in lines of a hundred letters; lists stay as they are."""
    if text.startswith("\n- "):
        return text.strip()
    return textwrap.fill(" ".join(text.split()), 100, break_long_words=False)


def write(kind: str, folder: Path, base: Path, art: Pictures, preset: Preset) -> dict[str, Any]:
    """Draw with the adapter in `folder` and without it; write pictures, figures and card there."""
    prompts, given, shown = questions(kind, art, preset)
    without, with_it = (
        [draw(prompts, given, seed) for seed in SEEDS]
        for draw in (drawer(None, base, folder), drawer(kind, base, folder))
    )
    above = [] if shown is None else [shown]
    if shown is None:
        rows = [row for pair in zip(without, with_it, strict=True) for row in pair]
    else:
        rows = [*without, *with_it]
    if kind == "reference":
        rows.append(drawer(kind, base, folder)([asked.CHANGED] * len(prompts), given, SEEDS[0]))
    sampling.save_grid(folder / "pictures.png", torch.cat([*above, *rows]), columns=len(prompts))
    measured = figures(kind, base, art, given, without, with_it)
    if kind == "reference":
        measured['Blue, % of what is drawn: without words, and with "in blue"'] = [
            round(100 * measures.blue(each), 1) for each in (torch.cat(with_it), rows[-1])
        ]
    write_json(folder / "figures.json", measured)
    write_card(kind, folder, measured, len(prompts), preset)
    return measured


def questions(
    kind: str, art: Pictures, preset: Preset
) -> tuple[list[str], list[Image.Image], torch.Tensor | None]:
    """Words, what the adapter is shown beside them, and that as a row of pictures."""
    if kind == "style":
        return list(asked.PROMPTS), [], None
    if kind == "edges":
        words, edges = asked.along(art)
        shown = [np.repeat(each[..., None], 3, -1) for each in edges]
    else:
        shown = asked.like(art, preset)
        words = [""] * len(shown)
    row = torch.from_numpy(np.stack(shown)).permute(0, 3, 1, 2)
    return words, [Image.fromarray(each) for each in shown], row


def figures(
    kind: str,
    base: Path,
    art: Pictures,
    given: list[Image.Image],
    without: list[torch.Tensor],
    with_it: list[torch.Tensor],
) -> dict[str, list[float]]:
    """What was measured, by a sentence that says what: without the adapter, and with it."""
    both = [torch.cat(without), torch.cat(with_it)]
    if kind == "style":
        measured = {
            "Colour: how far channels lie apart where not white, levels of 255": [
                measures.colourful(each) for each in both
            ],
            "White, % of the area": [100 * measures.white(each) for each in both],
        }
    elif kind == "edges":
        lines = [np.asarray(each)[..., 0] for each in given] * len(SEEDS)
        said = "Edges that are those asked for, within two pixels (F1), %"
        measured = {said: [100 * measures.along(each, lines) for each in both]}
    else:
        true = asked.true(art) * len(SEEDS)
        things = read_things(art)
        judge = Judge.learn(autoencoder.load(base), art.pixels, things)
        wanted = [things[at] for at in asked.found(art, "3d", asked.ALIKE)] * len(SEEDS)
        measured = {
            "The same thing is among the five nearest of 1,600 pictures, %": [
                100 * judge.share(each, wanted) for each in both
            ],
            "Mean colour, levels of 255 from the same thing's": [
                measures.apart(each, true) for each in both
            ],
        }
    return {said: [round(each, 1) for each in pair] for said, pair in measured.items()}


def write_card(
    kind: str, folder: Path, measured: dict[str, list[float]], count: int, preset: Preset
) -> None:
    """Write the README.md of the adapter in `folder`, beside its training.json."""
    trained = json.loads((folder / "training.json").read_text())
    parts = [trained[name] for name in ("reading", kind) if name in trained]
    styles = preset.seen if kind == "reference" else preset.drawn
    lines = [f"| {said} | {one:g} | {other:g} |" for said, (one, other) in measured.items()]
    card = HEAD.format(
        name=folder.name,
        kind=kind,
        minutes=round(sum(part["minutes"] for part in parts), 1),
        steps=trained[kind]["steps"],
        batch=trained["batch"],
        seed=trained["seed"],
        note=" " + trained["note"] if "note" in trained else "",
        count=count,
        seeds=len(SEEDS),
        figures="\n".join(lines),
        licences="\n".join(LICENCES[style] for style in styles),
        **{name: paragraph(text) for name, text in TEXTS[kind].items()},
    )
    (folder / "README.md").write_text(card)


def write_json(path: Path, contents: dict[str, Any]) -> None:
    """Write `contents` for a person to read."""
    path.write_text(json.dumps(contents, indent=2) + "\n")
