"""Figures that can fail: does the model draw what it is told?

A picture counts as right when, among all training pictures of its style, the one it was asked
for is the nearest in the autoencoder's latent space (top-1) or among the five nearest (top-5).
It is a test of memory, which is the aim here: 1,500 things, each drawn so that a person names it.
"""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import torch

from .. import autoencoder
from ..captions import clean, plural
from ..data import GROUPS, LEFT_OUT, Pictures
from ..sampling import GUIDANCE, STEPS, Model, generate

PROMPTS_PER_GROUP = 25  # eight groups, so 200 prompts
ROBUST_PROMPTS = 40
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "brown", "black")


def evaluate(model: Model, folder: Path, data: Pictures, seed: int = 0) -> dict:
    """All figures of the model exported in `folder`, by name; deterministic but for the speed."""
    known = autoencoder.encode(model.vae, data.pixels)
    rng = random.Random(seed)
    chosen = choose(data, rng)
    measured = data.pixels[rng.sample(range(len(data.emoji)), min(256, len(data.emoji)))]
    figures: dict = {
        "pictures": len(data.emoji),
        "guidance": GUIDANCE,
        "steps": STEPS,
        "psnr_db": round(autoencoder.psnr(model.vae, measured), 2),
    }
    figures |= named(model, data, known, chosen, seed)
    figures["colour_words"] = round(colour_words(model, data, seed), 3)
    figures["robust_prompts"] = ROBUST_PROMPTS
    figures["robust_top5"] = robustness(model, data, known, seed)
    return figures | speed(folder)


def choose(data: Pictures, rng: random.Random) -> list[int]:
    """The pictures to ask for: as many of every group, drawn without regard to weight."""
    chosen = []
    for group in GROUPS:
        if group not in LEFT_OUT:
            members = [i for i, emoji in enumerate(data.emoji) if emoji.group == group]
            chosen += rng.sample(members, min(PROMPTS_PER_GROUP, len(members)))
    return chosen


def ranks(model: Model, data: Pictures, known: torch.Tensor, asked: list[int], drawn: torch.Tensor):
    """For drawn latents [B, 4, h, w]: how many pictures of the same style are nearer than `asked`.

    The drawn latents go through pixels first, since pixels are what a person sees.
    """
    seen = autoencoder.encode(model.vae, autoencoder.decode(model.vae, drawn)).flatten(1)
    distance = torch.cdist(seen, known.flatten(1))  # [B, N]
    styles = [emoji.style for emoji in data.emoji]
    found = []
    for row, index in enumerate(asked):
        same = torch.tensor([style == styles[index] for style in styles])
        found.append(int((distance[row][same] < distance[row, index]).sum()))
    return found


def named(model: Model, data: Pictures, known: torch.Tensor, asked: list[int], seed: int) -> dict:
    """Top-1 and top-5, over all and by group, and the share of pictures with a white border."""
    prompts = [f"{clean(data.emoji[i].label)}, {data.emoji[i].style}" for i in asked]
    drawn = generate(model, prompts, seed=seed)
    found = ranks(model, data, known, asked, drawn)
    groups: dict[str, list[int]] = {}
    for index, rank in zip(asked, found, strict=True):
        groups.setdefault(data.emoji[index].group, []).append(rank)
    return {
        "prompts": len(prompts),
        "top1": share(found, 1),
        "top5": share(found, 5),
        "top5_by_group": {group: share(members, 5) for group, members in groups.items()},
        "white_border": round(white_border(autoencoder.decode(model.vae, drawn)), 3),
    }


def share(found: list[int], within: int) -> float:
    """The share of ranks that are under `within`."""
    return round(sum(rank < within for rank in found) / max(1, len(found)), 3)


def white_border(pixels: torch.Tensor) -> float:
    """The share of pictures, uint8 [B, 3, S, S], whose corners are all white (within 5 %)."""
    patch = max(2, pixels.shape[-1] // 16)
    corners = torch.stack(
        [
            pixels[:, :, rows, columns].float().mean(dim=(2, 3))
            for rows in (slice(patch), slice(-patch, None))
            for columns in (slice(patch), slice(-patch, None))
        ]
    )  # [4, B, 3]
    return (corners.amin(dim=(0, 2)) > 0.95 * 255).float().mean().item()


def colour_words(model: Model, data: Pictures, seed: int) -> float:
    """The share of drawn hearts whose colour is nearest to the heart of the colour asked for."""
    labels = {(emoji.label, emoji.style): i for i, emoji in enumerate(data.emoji)}
    right = total = 0
    for style in sorted({emoji.style for emoji in data.emoji}):
        colours = [c for c in COLOURS if (f"{c} heart", style) in labels]
        if not colours:
            continue
        true = foreground(data.pixels[[labels[f"{c} heart", style] for c in colours]])
        for repeat in range(3):
            prompts = [f"{colour} heart, {style}" for colour in colours]
            latents = generate(model, prompts, seed=seed + 100 * repeat)
            drawn = foreground(autoencoder.decode(model.vae, latents))
            nearest = torch.cdist(drawn, true).argmin(dim=1)
            right += int((nearest == torch.arange(len(colours))).sum())
            total += len(colours)
    return right / max(1, total)


def foreground(pixels: torch.Tensor) -> torch.Tensor:
    """The mean colour, float [B, 3] in 0..1, of what is not white in uint8 [B, 3, S, S]."""
    values = pixels.float() / 255
    mask = (values.amin(dim=1, keepdim=True) < 0.85).float()
    return (values * mask).sum(dim=(2, 3)) / mask.sum(dim=(2, 3)).clamp(min=1)


def robustness(model: Model, data: Pictures, known: torch.Tensor, seed: int) -> dict[str, float]:
    """Top-5 of common things, asked for in other ways; "plain" is what the others compare with."""
    rng = random.Random(seed + 1)
    things = [i for i, e in enumerate(data.emoji) if e.weight >= 3 and e.style == "3d"]
    things = rng.sample(things, min(ROBUST_PROMPTS, len(things)))
    labels = [clean(data.emoji[i].label) for i in things]
    ways = {
        "plain": labels,
        "plural": [plural(label) for label in labels],
        "article": [f"a {label}" for label in labels],
        "upper case": [label.upper() for label in labels],
        "reversed order": [" ".join(reversed(label.split())) for label in labels],
        "with a keyword": [
            f"{label}, {clean(rng.choice(data.emoji[i].tags or (label,)))}"
            for i, label in zip(things, labels, strict=True)
        ],
        "unknown word": [f"{label} blorptastic" for label in labels],
        "long": [f"a very nice picture of a {label} on my table" for label in labels],
    }
    return {
        way: share(ranks(model, data, known, things, generate(model, texts, seed=seed)), 5)
        for way, texts in ways.items()
        if things
    }


def speed(folder: Path) -> dict[str, float]:
    """Seconds and peak memory of one picture through the stock pipeline, in a fresh process."""
    command = [sys.executable, "-m", __name__, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure_speed(folder: str) -> dict[str, float]:
    """What `speed` runs: the best of five pictures, and the whole process's peak memory."""
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        pipeline("red apple", num_inference_steps=STEPS, guidance_scale=GUIDANCE)
        seconds.append(time.perf_counter() - started)
    return {"seconds_per_picture": round(min(seconds), 2), "peak_memory_mb": peak_memory()}


def peak_memory() -> int:
    """The most memory this process had resident, in MB.

    Read from /proc (Linux): what getrusage says begins with the size of the parent process.
    """
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return round(int(peak.split()[1]) / 1024)


if __name__ == "__main__":
    print(json.dumps(measure_speed(sys.argv[1])))
