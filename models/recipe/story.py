"""What the model's page tells of its training: the curve of its loss, and what it drew at what age.

Written beside the weights as `training/story.json` and small pictures, from what the training kept
in its run folder.
"""

import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from .sampling import PROMPTS

FOLDER = "training"
STORY = "story.json"
POINTS = 300  # of the curve: more than a phone has pixels for
AGES = 6
MOST_BYTES = 300_000  # of all grids: what is looked at once must not weigh like the weights
SIZES = ((1024, 80), (1024, 60), (768, 60), (512, 60), (512, 40))  # widths and qualities, to try


def write(run: Path, output: Path, *, continued: bool = False) -> None:
    """Write the story of the training in `run` beside the model in `output`; without a curve to
    tell of there is none, and one of an earlier training goes. `continued` says that it began from
    weights that could draw already."""
    folder = output / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    points = curve(run / "diffusion.jsonl")
    if not points:
        return
    folder.mkdir(parents=True)
    ages = aged(run, points[-1]["step"])
    shown = small(list(ages.values()))
    files = [f"{step:06d}.webp" for step in ages]
    for name, data in zip(files, shown, strict=True):
        (folder / name).write_bytes(data)
    story = {
        "continued": continued,
        "curve": points,
        "prompts": list(PROMPTS),
        "grids": [{"step": step, "file": name} for step, name in zip(ages, files, strict=True)],
    }
    (folder / STORY).write_text(json.dumps(story) + "\n")


def curve(path: Path) -> list[dict]:
    """The losses by step, thinned to the means of POINTS stretches as long as each other."""
    kept: list[dict] = []
    for line in path.read_text().splitlines() if path.exists() else []:
        point = json.loads(line)
        if "loss" not in point:
            continue
        # A training that was killed goes on from its checkpoint: what came after it was lost.
        while kept and kept[-1]["step"] >= point["step"]:
            kept.pop()
        kept.append(point)
    if not kept:
        return []
    stretch = max(1, -(-(kept[-1]["step"] - kept[0]["step"] + 1) // POINTS))
    parts: dict[int, list[dict]] = {}
    for point in kept:
        parts.setdefault((point["step"] - kept[0]["step"]) // stretch, []).append(point)
    return [
        {
            "step": part[-1]["step"],
            "seconds": part[-1]["seconds"],
            "loss": round(sum(each["loss"] for each in part) / len(part), 5),
            "rate": part[-1].get("rate", 0.0),
        }
        for part in parts.values()
    ]


def aged(run: Path, last: int) -> dict[int, Path]:
    """Grids of several ages by their steps, the youngest and the oldest among them: those between
    are each about as many times older than the one before."""
    grids = {int(path.stem.rpartition("-")[2]): path for path in run.glob("diffusion-*.png")}
    steps = sorted(step for step in grids if step <= last)
    if len(steps) <= AGES:
        return {step: grids[step] for step in steps}
    first, final = steps[0], steps[-1]
    begin = max(1, first, steps[1])
    wanted = [begin * (final / begin) ** (k / (AGES - 2)) for k in range(AGES - 1)]
    chosen = {first, *(min(steps[1:], key=lambda step: abs(step - age)) for age in wanted)}
    return {step: grids[step] for step in sorted(chosen)}


def small(grids: Sequence[Path]) -> list[bytes]:
    """The grids as WebP, together of at most MOST_BYTES."""
    made: list[bytes] = []
    for width, quality in SIZES:
        made = [webp(path, width, quality) for path in grids]
        if sum(map(len, made)) <= MOST_BYTES:
            break
    return made


def webp(path: Path, width: int, quality: int) -> bytes:
    """A picture at most so wide."""
    with Image.open(path) as picture:
        picture = picture.convert("RGB")
        picture.thumbnail((width, width), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=quality, method=6)
    return file.getvalue()
