"""`python -m models.recipe.adapters`: fit what ships beside the model, and look at what it does.

One kind after another, or the one that `--kind` names. What finished is not fitted again; a stopped
fitting (Ctrl-C, SIGTERM, a power cut) resumes from its checkpoint in the run folder.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from .. import data, export, parallel
from ..training import Budget, Stop
from . import reading
from .edges import Edges
from .fitting import Fitted, fit
from .looks import cards
from .reference import Reference
from .settings import PRESETS, Preset
from .shown import pictures
from .shown.pictures import Shown
from .style import Style

KINDS: dict[str, Callable[..., Fitted]] = {"style": Style, "edges": Edges, "reference": Reference}
NAMES = {"style": "ink", "edges": "edges", "reference": "likeness"}


def main(arguments: list[str] | None = None) -> int:
    """Fit the kinds; 0 when all is done, 1 when stopped."""
    args = parse(arguments)
    preset = PRESETS[args.preset]
    parallel.join()
    args.work.mkdir(parents=True, exist_ok=True)
    art = data.load(args.data, tuple(dict.fromkeys((*preset.drawn, *preset.seen))))
    shown = show(args.work / "pictures.pt", art, preset, args)
    with Stop() as stop:
        for kind in args.kind:
            if "fit" in args.stages and not fitted(kind, shown, preset, stop, args):
                print(f"stopped; the same command resumes from {args.work}")
                return 1
            if "card" in args.stages and parallel.rank() == 0:
                folder = args.output / NAMES[kind]
                cards.write(kind, folder, args.base, art, preset)
    return 0


def show(path: Path, art: data.Pictures, preset: Preset, args: argparse.Namespace) -> Shown:
    """What all kinds are shown, made once."""
    if not path.exists() and parallel.rank() == 0:
        pictures.build(art, export.load(args.base), preset, args.seed).save(path)
    parallel.wait_for_all()
    return Shown.load(path)


def fitted(kind: str, shown: Shown, preset: Preset, stop: Stop, args: argparse.Namespace) -> bool:
    """Fit one kind and export it; False if stopped."""
    torch.manual_seed(args.seed)
    network = KINDS[kind](export.load(args.base), preset)
    work = args.work / kind
    work.mkdir(exist_ok=True)
    minutes = getattr(preset, f"{kind}_minutes") if args.minutes is None else args.minutes
    if isinstance(network, Reference):
        alone = Budget(minutes * preset.reading_share, args.steps)
        minutes -= alone.minutes
        if not reading.learn(
            network.encoder, network.projection, network.text_encoder, shown, preset,
            budget=alone, folder=work, seed=args.seed, stop=stop,
        ):  # fmt: skip
            return False
        network.begin(shown, torch.Generator().manual_seed(args.seed))
    if not fit(
        network,
        shown,
        name=kind,
        budget=Budget(minutes, args.steps),
        folder=work,
        rate=getattr(preset, f"{kind}_rate"),
        batch=preset.batch,
        decay=preset.decay,
        seed=args.seed,
        stop=stop,
    ):
        return False
    if parallel.rank() == 0:
        folder = args.output / NAMES[kind]
        network.export(folder)
        facts = {"preset": args.preset, "seed": args.seed, "batch": preset.batch}
        for name in ("reading", kind):
            if (work / f"{name}.json").exists():
                facts[name] = json.loads((work / f"{name}.json").read_text())
        cards.write_json(folder / "training.json", facts)
    return True


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m models.recipe.adapters", description=__doc__)
    add = parser.add_argument
    add("--preset", choices=PRESETS, default="cpu")
    add("--kind", type=lambda text: text.split(","), default=list(KINDS), help=",".join(KINDS))
    add("--base", type=Path, default=Path("models/emoji"), help="the exported model to fit to")
    add("--data", type=Path, default=Path("models/cache/emoji.npz"), help="the prepared file")
    add("--work", type=Path, default=Path("models/cache/adapters"), help="checkpoints")
    add("--output", type=Path, default=Path("models/adapters"), help="a folder for each kind in it")
    add("--stages", type=lambda text: text.split(","), default=["fit", "card"], help="fit,card")
    add("--minutes", type=float, help="how long to fit each kind")
    add("--steps", type=int, help="fit exactly so many steps instead of minutes")
    add("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    if unknown := set(args.kind) - set(KINDS):
        parser.error(f"--kind: there is no {', '.join(sorted(unknown))}; choose of {[*KINDS]}")
    return args


if __name__ == "__main__":
    sys.exit(main())
