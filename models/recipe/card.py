"""The model card: written from what was trained and measured, so that it cannot disagree."""

import json
from pathlib import Path

from torch import nn

from .evaluation.following import SEEDS
from .evaluation.judge import NEAR
from .sampling import CARD_PROMPTS, CARD_SEEDS, Model

START = (
    " It began from the weights of an earlier export (`--init`), whose encoder it keeps. "
    "That export: "
)

CARD = """\
---
license: other
library_name: diffusers
pipeline_tag: text-to-image
---

# {name}

A small latent diffusion model that draws emoji-style pictures of {size}x{size} pixels in seconds,
on a CPU, without internet. It is the model that Darkroom starts with, the one its tests use, and
an example of how latent diffusion is trained: the whole recipe is in `models/recipe/`.

![Pictures of the model](grid.png)

From left to right: {prompts}; a row for each of {seeds} seeds, none picked by hand.

## Use

`StableDiffusionPipeline.from_pretrained(folder)` loads it as it is, in float32; in half where
`torch_dtype` says so. Defaults that suit it: {steps} steps, guidance {guidance:g}, DPM-Solver++.
Every sampler of Stable Diffusion works; PNDM needs 20 steps and falls apart at 12.

Prompts are short: a thing, perhaps a colour, and at the end a style: {styles}. Without a style it
draws 3d.

The weights know English only, and no slips. Darkroom reads more by the table beside them,
`words.json`: Vietnamese names with their numbers and colours ("hai con mèo tím" as "two purple
cats"), mistyped words, and requests that are put as sentences; it tells what it read. Stock
diffusers does not read that file.

## What it is

| Part | |
|---|---|
| `vae` | AutoencoderKL, factor 8, 4 channels, {vae:.1f} M parameters |
| `unet` | UNet2DConditionModel, predicts the noise, {unet:.1f} M parameters |
| `text_encoder` | CLIPTextModel, window of 20 tokens, {text:.1f} M parameters |
| `tokenizer` | BPE of 4,000 tokens, lower case, without accents |
| `scheduler` | PNDM, scaled_linear betas 0.00085 to 0.012, 1000 steps |

fp16 safetensors, in shards under 16 MiB.

## How it was trained

On {pictures:,} pictures: {history}

Data is open emoji art, rendered on white, without flags and skin-tone variants. Captions are
names and keywords in many forms; one in ten is empty. Things (animals, food, objects, places,
hearts) were drawn three times as often as faces and people; signs and people who appear three
times (person, man, woman) a third as often. 3d was drawn twice as often as any other style.

## Licences and attribution

The code is under this repository's licence. The weights learnt from these works; keep the
attributions below when you pass them on.

{licences}

The words of the captions are from [emojibase-data](https://github.com/milesj/emojibase), MIT
(c) Miles Johnson, after Unicode CLDR.

## Figures

Written by `models/recipe/evaluation`, in full in `evaluation.json`. A picture counts as named
when, among all training pictures of its style, its own is the nearest in latent space (top-1)
or among the five nearest (top-5).

| Figure | |
|---|---|
| Named, top-1, {count} prompts over all groups | {top1} % |
| Named, top-5 | {top5} % |
| Colour words (hearts of eight colours, three seeds, each style) | {colour_words} % |
| Pictures with white corners | {white_border} % |
| Autoencoder, PSNR | {psnr_db:g} dB |
| A picture of {steps} steps, best of five, on the machine that trained | {seconds} s |
| Peak memory of that process | {memory} MB |

Top-5 by group: {groups}.

Top-5 of {robust} common things, asked for without a style in other ways: {ways}.

### What training never showed

Colours, numbers and pairs were held out from training, and so were the sentences. Colour and number
count only where the thing is right, which is told by the nearest training picture of each part
({near} nearest), in grey where the colour was asked for. The ceiling is what the same measures say
of true pictures after a way through the autoencoder.{as_read}

| Share of the pictures | {before_head}This model | Ceiling |
|---|---|---|{before_rule}
{held_out}

Of {seeds_each} seeds of one prompt, pictures that are right and visibly different: {different}.

![Held-out prompts](held_out.png)

The first {sheet} held-out prompts of each kind, none picked by hand.

## Limits

{limits}
- Edges are soft and fine detail is lost: a 16x16 latent holds no text, no clock face, and of a
  crowd no faces. Signs are its weakest group.
- A word of many meanings may miss: of eight seeds, "fish" was a fish in five, "tropical fish" in
  all.
- People and jobs are as emoji draw them, with the stereotypes of that art.
- Not for anything where a wrong picture does harm.
"""

LICENCES = {
    "3d": (
        "- Style 3d: [Fluent Emoji](https://github.com/microsoft/fluentui-emoji), MIT, "
        "(c) Microsoft Corporation, by npm `@iconify-json/fluent-emoji`."
    ),
    "flat": (
        "- Style flat: [Fluent Emoji Flat](https://github.com/microsoft/fluentui-emoji), MIT, "
        "(c) Microsoft Corporation, by npm `@iconify-json/fluent-emoji-flat`."
    ),
    "noto": (
        "- Style noto: [Noto Emoji](https://github.com/googlefonts/noto-emoji), Apache-2.0, "
        "(c) Google, by npm `@iconify-json/noto`."
    ),
    "twemoji": (
        "- Style twemoji: [Twemoji](https://github.com/jdecked/twemoji), (c) Twitter and other "
        "contributors, [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/), by npm "
        "`@iconify-json/twemoji`; rendered as bitmaps and learnt from."
    ),
    "noto-v1": (
        "- Style noto-v1: [Noto Emoji](https://github.com/googlefonts/noto-emoji), its first "
        "drawings, Apache-2.0, (c) Google, by npm `@iconify-json/noto-v1`."
    ),
}


def write(folder: Path, model: Model, figures: dict) -> None:
    """Write the README.md of the model in `folder`, beside its training.json."""
    trained = json.loads((folder / "training.json").read_text())
    text = CARD.format(
        name=folder.name,
        size=trained["size"],
        prompts=", ".join(CARD_PROMPTS),
        seeds=CARD_SEEDS,
        styles=", ".join(f'"{style}"' for style in trained["styles"]),
        pictures=trained["pictures"],
        history=history(trained),
        licences="\n".join(LICENCES[style] for style in trained["styles"]),
        vae=millions(model.vae),
        unet=millions(model.diffusion.unet),
        text=millions(model.diffusion.text_encoder),
        steps=figures["steps"],
        guidance=figures["guidance"],
        count=figures["prompts"],
        psnr_db=figures["psnr_db"],
        seconds=figures["seconds_per_picture"],
        memory=figures["peak_memory_mb"],
        groups=listed(figures["top5_by_group"]),
        robust=figures["robust_prompts"],
        ways=listed(figures["robust_top5"]),
        **followed(figures),
        **{key: percent(figures[key]) for key in ("top1", "top5", "colour_words", "white_border")},
    )
    (folder / "README.md").write_text(text)


ROWS = {
    "singles_top1": "One thing by its name, nearest picture",
    "colour": "The asked colour is the largest, whatever the thing",
    "thing_and_colour": "Thing and asked colour",
    "number": "As many parts as asked, whatever the thing",
    "thing_and_number": "Thing and number, 2 to 4",
    "one_of_a_pair": "One thing of a pair",
    "both_of_a_pair": "Both things of a pair",
    "sentences_top5": "Sentences, as typed",
    "sentences_read_top5": "Sentences, as read",
    "typos_top5": "A slip in the longest word, as typed",
    "typos_read_top5": "A slip in the longest word, as read",
    "vietnamese_top5": "Vietnamese names, as typed",
    "vietnamese_read_top5": "Vietnamese names, as read",
}
COMPOSES = 0.4  # share of scenes drawn right from which a card may say that the model composes
ALONE = """\
- It knows emoji and little else: it repeats what it saw. Colours that a thing never had, numbers
  and two things at once mostly come out as one thing, or as none ("a cat on a table" is a cat, or a
  table), and most seeds of a prompt show the same picture.
- A word that it never saw is ignored at best."""
PAIRS_FAIL = """\
- Of two different things it mostly makes two of one, or of neither.
"""
COMPOSED = """\
- It knows emoji and little else. It follows colours, numbers to four and pairs as often as the
  table says; of more it makes what it can.
- A long sentence, such as "a very nice picture of a cat on my table", may come out as several
  things.
- Most seeds of a prompt show the same picture, here or there a little different.
- A word that it never saw is ignored at best."""


def followed(figures: dict) -> dict[str, str | int | float]:
    """What the card says of held-out prompts."""
    held_out, before = figures["held_out"], figures.get("before")
    lines = [
        "| " + " | ".join([name, *columns(key, before, held_out), ceiling_of(key, held_out)]) + " |"
        for key, name in ROWS.items()
        if key in held_out
    ]
    several = min(held_out.get(key, 0) for key in ("thing_and_colour", "thing_and_number"))
    return {
        "near": NEAR,
        "as_read": ' "As read" is with the table of words.'
        if "typos_read_top5" in held_out
        else "",
        "before_head": "Before | " if before else "",
        "before_rule": "---|" if before else "",
        "held_out": "\n".join(lines),
        "seeds_each": SEEDS,
        "different": held_out.get("seeds_right_and_different", 0),
        "sheet": 64 // 4,
        "limits": (
            ALONE
            if several < COMPOSES
            else (PAIRS_FAIL if held_out.get("both_of_a_pair", 0) < COMPOSES else "") + COMPOSED
        ),
    }


def columns(key: str, before: dict | None, held_out: dict) -> list[str]:
    """A figure before, where there was one before, and now."""
    shown = [held_out] if before is None else [before, held_out]
    return [f"{percent(each[key])} %" if key in each else "" for each in shown]


def ceiling_of(key: str, held_out: dict) -> str:
    """What the autoencoder leaves of a figure, where that was measured."""
    most = held_out.get("ceiling", {}).get(key)
    return "" if most is None else f"{percent(most)} %"


def history(trained: dict) -> str:
    """How long each part was trained, on what, and what it began from.

    A `note` in training.json is for what a person has to add.
    """
    vae, unet = trained["autoencoder"], trained["diffusion"]
    passes = unet["steps"] * unet["batch"] / trained["pictures"]
    first = f"{vae['minutes']:g} minutes ({vae['steps']:,} steps)" if vae["steps"] else "unchanged"
    sentence = (
        f"autoencoder {first}, U-Net and text encoder "
        f"{unet['minutes']:g} minutes ({unet['steps']:,} steps of {unet['batch']}, {passes:.0f} "
        f"passes), on `{trained['device']}`, preset `{trained['preset']}`, seed {trained['seed']}."
    )
    if trained.get("note"):
        sentence += f" {trained['note']}"
    return sentence + (START + trained["before"] if trained.get("before") else "")


def millions(network: nn.Module) -> float:
    """Parameters, in millions."""
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6


def percent(part: float) -> str:
    """0.125 as "12.5"."""
    return f"{100 * part:.3g}"


def listed(figures: dict[str, float]) -> str:
    """Named shares in one line."""
    return ", ".join(f"{name} {percent(part)} %" for name, part in figures.items())
