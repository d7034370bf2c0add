"""`python -m models.recipe`: rebuild the model, from the art to the figures.

Stages run in order, and one that finished is not run again; a stopped one (Ctrl-C, SIGTERM, a
power cut) resumes from its checkpoint in the run folder. Delete the run folder to start anew.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from jobs.request.words import WordTable

from . import (
    autoencoder,
    captions,
    card,
    data,
    diffusion,
    evaluation,
    export,
    parallel,
    sampling,
    story,
    words,
)
from .sampling import Model
from .scenes import bank
from .settings import PRESETS, Preset
from .training import Budget, Stop

STAGES = ("data", "autoencoder", "diffusion", "export", "evaluation")
MORE = ("samplers",)
"""Stages that run only where they are named."""


def main(arguments: list[str] | None = None) -> int:
    """Run the stages; 0 when all is done, 1 when stopped or when a figure falls short."""
    args = parse(arguments)
    preset = with_flags(PRESETS[args.preset], args)
    device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    parallel.join()
    if "data" in args.stages and not args.data.exists() and parallel.rank() == 0:
        print(f"preparing {args.data}")
        data.prepare(args.data, args.cache, preset.size, tuple(data.STYLES))
    parallel.wait_for_all()
    if args.stages == ["data"]:
        return 0
    pictures = data.load(args.data, preset.styles)
    args.work.mkdir(parents=True, exist_ok=True)
    model = start(preset, pictures, args)
    trainings = {"autoencoder": train_autoencoder, "diffusion": train_diffusion}
    with Stop() as stop:
        for stage, train in trainings.items():
            if stage in args.stages and not train(model, preset, pictures, device, stop, args):
                print(f"stopped; the same command resumes from {args.work}")
                return 1
    if parallel.rank() > 0:
        return 0
    if "export" in args.stages:
        export.export(model, args.output)
        sampling.save_grid(args.output / "grid.png", sampling.card_pictures(model))
        write_json(args.output / "training.json", describe(preset, pictures, device, args))
        words.write(args.output, pictures.emoji)
        story.write(args.work, args.output, continued=bool(args.init))
    if "evaluation" in args.stages:
        code = evaluate(pictures, device, args)
        if code:
            return code
    if "samplers" in args.stages:
        compare(pictures, args)
    return 0


def start(preset: Preset, pictures: data.Pictures, args: argparse.Namespace) -> Model:
    """The parts before any training: new ones, or those of the model named by `--init`."""
    if args.init:
        model = export.load(args.init)
        model.tokenizer.backend_tokenizer.normalizer = captions.word_normalizer(pictures.emoji)
        return model
    folder = args.work / "tokenizer"
    if not folder.exists() and parallel.rank() == 0:
        captions.train_tokenizer(pictures.emoji, args.seed).save_pretrained(folder)
    parallel.wait_for_all()
    torch.manual_seed(args.seed)
    return Model(
        PreTrainedTokenizerFast.from_pretrained(folder),
        diffusion.build(
            preset.unet_channels,
            preset.unet_layers,
            preset.text_width,
            preset.text_layers,
            preset.size // 8,
        ),
        autoencoder.build(preset.vae_channels, preset.size),
    )


def train_autoencoder(
    model: Model,
    preset: Preset,
    pictures: data.Pictures,
    device: torch.device,
    stop: Stop,
    args: argparse.Namespace,
) -> bool:
    """Train the autoencoder, or only its decoder where `--init` gave one; False if stopped."""

    def sample(vae: autoencoder.AutoencoderKL, step: int) -> None:
        shown = pictures.pixels[:: max(1, len(pictures.emoji) // 16)][:16]
        decoded = autoencoder.decode(vae, autoencoder.encode(vae, shown))
        pairs = torch.stack([shown, decoded], dim=1).flatten(0, 1)
        sampling.save_grid(args.work / f"autoencoder-{step:06d}.png", pairs)

    if not (args.work / "vae").exists():
        if not autoencoder.train(
            model.vae,
            pictures.pixels,
            pictures.weights,
            budget=Budget(preset.vae_minutes, args.steps),
            folder=args.work,
            rate=preset.vae_rate,
            batch=preset.vae_batch,
            crop=preset.crop,
            decoder_only=bool(args.init),
            adversarial=preset.adversarial,
            seed=args.seed,
            device=device,
            stop=stop,
            sample=sample,
        ):
            return False
        if not args.init:
            autoencoder.set_scale(model.vae, pictures.pixels[:1024])
        if parallel.rank() == 0:
            model.vae.save_pretrained(args.work / "vae")
        parallel.wait_for_all()
    # Read back even when just written: what follows must not depend on whether a run was resumed.
    model.vae = autoencoder.load(args.work).to(device)
    return True


def train_diffusion(
    model: Model,
    preset: Preset,
    pictures: data.Pictures,
    device: torch.device,
    stop: Stop,
    args: argparse.Namespace,
) -> bool:
    """Train the U-Net and the text encoder on the autoencoder's latents; False if stopped."""
    model.vae.to(device).eval()
    shown = read_bank(model, preset, pictures, args)

    def sample(_: diffusion.Diffusion, step: int) -> None:
        drawn = sampling.pictures(model, list(sampling.PROMPTS))
        sampling.save_grid(args.work / f"diffusion-{step:06d}.png", drawn)

    if not (args.work / "unet").exists():
        if not diffusion.train(
            model.diffusion,
            shown.latents,
            shown.tokens,
            shown.weights,
            budget=Budget(preset.unet_minutes, args.steps),
            folder=args.work,
            rate=preset.unet_rate,
            batch=preset.unet_batch,
            decay=preset.decay,
            seed=args.seed,
            device=device,
            compile_network=preset.compile,
            sample_minutes=preset.sample_minutes,
            stop=stop,
            sample=sample,
        ):
            return False
        if parallel.rank() == 0:
            model.diffusion.text_encoder.save_pretrained(args.work / "text_encoder")
            model.diffusion.unet.save_pretrained(args.work / "unet")
        parallel.wait_for_all()
    model.diffusion = diffusion.load(args.work).to(device)
    return True


def read_bank(
    model: Model, preset: Preset, pictures: data.Pictures, args: argparse.Namespace
) -> bank.Bank:
    """The pictures that the diffusion learns from; every process makes its part, once."""
    parts = [args.work / f"bank-{rank}.pt" for rank in range(parallel.size())]
    own = parts[parallel.rank()]
    if not own.exists():
        bank.build(pictures, model.vae, model.tokenizer, preset.mix, args.seed).save(own)
    parallel.wait_for_all()
    return bank.joined([bank.Bank.load(path) for path in parts])


def describe(
    preset: Preset, pictures: data.Pictures, device: torch.device, args: argparse.Namespace
) -> dict:
    """How the exported model was trained, for its card."""
    facts = {
        "preset": args.preset,
        "device": str(device),
        "seed": args.seed,
        "styles": list(preset.styles),
        "pictures": len(pictures.emoji),
        "size": preset.size,
    }
    if args.init and (args.init / "training.json").exists():
        facts["before"] = card.history(json.loads((args.init / "training.json").read_text()))
    for stage in ("autoencoder", "diffusion"):
        path = args.work / f"{stage}.json"
        facts[stage] = json.loads(path.read_text()) if path.exists() else {"steps": 0, "minutes": 0}
    facts["diffusion"]["batch"] = preset.unet_batch
    return facts


def evaluate(pictures: data.Pictures, device: torch.device, args: argparse.Namespace) -> int:
    """Measure the exported model, write figures and card beside it, 1 if below `--require`."""
    model = export.load(args.output)
    model.diffusion.to(device)
    model.vae.to(device)
    figures = evaluation.evaluate(model, args.output, pictures)
    table = WordTable.load(args.output)
    figures["held_out"] = evaluation.follow(model, pictures, table and table.read_as)
    if args.before:
        figures["before"] = json.loads(args.before.read_text())["held_out"]
    write_json(args.output / "evaluation.json", figures)
    print(json.dumps(figures, indent=2))
    evaluation.contact_sheet(args.output / "held_out.png", model, pictures)
    card.write(args.output, model, figures)
    wanting = evaluation.shortfalls(figures, args.require)
    for sentence in wanting:
        print(sentence, file=sys.stderr)
    return 1 if wanting else 0


def compare(pictures: data.Pictures, args: argparse.Namespace) -> None:
    """Put what every sampler makes of the exported model beside its figures."""
    file = args.output / "evaluation.json"
    figures = json.loads(file.read_text()) if file.exists() else {}
    figures["samplers"] = evaluation.compare(export.load(args.output), pictures)
    write_json(file, figures)


def write_json(path: Path, contents: dict) -> None:
    """Write `contents` for a person to read."""
    path.write_text(json.dumps(contents, indent=2) + "\n")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m models.recipe", description=__doc__)
    add = parser.add_argument
    add("--preset", choices=PRESETS, default="cpu")
    stages = ",".join((*STAGES, *MORE))
    add("--stages", type=lambda text: text.split(","), default=list(STAGES), help=stages)
    add("--data", type=Path, default=Path("models/cache/emoji.npz"), help="the prepared file")
    add("--cache", type=Path, default=Path("models/cache"), help="where npm packages are kept")
    add("--work", type=Path, default=Path("models/cache/run"), help="checkpoints and sample grids")
    add("--output", type=Path, default=Path("models/emoji"), help="the exported model")
    add("--init", type=Path, help="start from this exported model; keeps its encoder")
    add("--styles", type=lambda text: tuple(text.split(",")), help=",".join(data.STYLES))
    add("--vae-minutes", type=float, help="how long to train the autoencoder")
    add("--unet-minutes", type=float, help="how long to train the U-Net and text encoder")
    add("--unet-rate", type=float, help="the highest learning rate of the U-Net")
    add("--vae-rate", type=float, help="the highest learning rate of the autoencoder")
    add("--steps", type=int, help="train exactly so many steps instead of minutes")
    add("--before", type=Path, help="the evaluation.json of the model that this one replaces")
    add("--seed", type=int, default=0)
    add("--device", help="cpu, cuda, ...; a GPU where there is one")
    add(
        "--require",
        type=lambda text: {k: float(v) for k, v in (p.split("=") for p in text.split(","))},
        default=evaluation.REQUIRED,
        help="least figures, such as top5=0.6,psnr_db=26; the command fails below them, and below "
        "those of the model that ships where none are given",
    )
    return parser.parse_args(arguments)


def with_flags(preset: Preset, args: argparse.Namespace) -> Preset:
    """The preset with the flags that were given."""
    names = {field.name for field in dataclasses.fields(preset)}
    given = {k: v for k, v in vars(args).items() if k in names and v is not None}
    return dataclasses.replace(preset, **given)


if __name__ == "__main__":
    sys.exit(main())
