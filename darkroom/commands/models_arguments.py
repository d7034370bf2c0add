"""The arguments of `darkroom models ...`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from darkroom.commands import models
from darkroom.commands.models_orders import ORDERS
from darkroom.commands.shared import action, on_redis
from jobs.settings import Settings

SECTIONS = {
    "model": "models",
    "lora": "loras",
    "embedding": "embeddings",
    "controlnet": "controlnets",
    "ip-adapter": "ip_adapters",
    "upscaler": "upscalers",
    "face-restorer": "face_restorers",
}
"""The tables of models.toml, by the word for what each names."""

KEYS = (
    "title",
    "description",
    "licence",
    "revision",
    "variant",
    "config",
    "image_encoder",
    "detector",
    "file",
    "dtype",
    "quantize",
    "vae",
    "sampler",
    "schedule",
)
NUMBERS: dict[str, Callable[[str], Any]] = {
    "steps": int,
    "width": int,
    "height": int,
    "guidance_scale": float,
}
"""Keys of a table that `add` takes as options; docs/models.md says which table takes which."""


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add list, pull, add, remove, check and convert."""
    actions = parser.add_subparsers(metavar="COMMAND")

    action(
        actions,
        "list",
        _list,
        "List what models.toml names: licence, size and sha256 on this machine.",
    )

    pull = action(actions, "pull", _pull, "Fetch a model from the hub; models.toml stays as it is.")
    pull.add_argument("id", help="a name in models.toml, or a hub id such as stabilityai/sd-turbo")
    pull.add_argument("--revision", help="commit, tag or branch")
    pull.add_argument("--variant", help="weights to prefer, such as fp16")

    add = action(
        actions, "add", _add, "Add a model to models.toml; one of the hub is fetched first."
    )
    add.add_argument(
        "source",
        help="a folder, a .safetensors file, a hub id, or a link to a file or to Civitai",
    )
    add.add_argument("--kind", choices=SECTIONS, default="model", help="what it is; a model if not")
    add.add_argument("--name", help="what callers will send; made from the source if left out")
    for key in KEYS:
        add.add_argument(f"--{key}", metavar="TEXT")
    for key, number in NUMBERS.items():
        add.add_argument(f"--{key.replace('_', '-')}", type=number, metavar="N")
    add.add_argument(
        "--text-encoder", nargs="+", metavar="FILE", help="for a transformer in one file"
    )
    add.add_argument("--triggers", nargs="+", metavar="WORD", help="words a LoRA wants in a prompt")

    remove = action(actions, "remove", _remove, "Take a model out of models.toml.")
    remove.add_argument("name")
    remove.add_argument("--kind", choices=SECTIONS, help="where several things have the name")
    remove.add_argument("--default", metavar="NAME", help="the default model from now on")
    remove.add_argument(
        "--files",
        action="store_true",
        help="delete what was pulled for it, or what lies in DATA/models",
    )

    default = action(
        actions, "default", _default, "Make a model the one that requests without a model get."
    )
    default.add_argument("name")

    for name, order, text in ORDERS:
        each = action(actions, name, on_redis("what the workers do", order), text)
        each.add_argument("name")
        each.add_argument(
            "--worker", metavar="NAME", help="only this one; every worker if left out"
        )

    check = action(
        actions, "check", _check, "Read every byte of the weights and say what is wrong."
    )
    check.add_argument("name", nargs="?", help="only this; everything if left out")

    convert = action(
        actions, "convert", _convert, "Make a .safetensors file of a pickle of weights (.pth)."
    )
    convert.add_argument("file", type=Path)


def _list(parsed: argparse.Namespace, chosen: Settings) -> int:
    return models.list_here(chosen)


def _pull(parsed: argparse.Namespace, chosen: Settings) -> int:
    return models.pull(parsed.id, chosen, parsed.revision, parsed.variant)


def _add(parsed: argparse.Namespace, chosen: Settings) -> int:
    said = {key: getattr(parsed, key) for key in (*KEYS, *NUMBERS, "text_encoder", "triggers")}
    values = {key: value for key, value in said.items() if value is not None}
    section = SECTIONS[parsed.kind]
    return models.add(parsed.source, section, values, chosen, name=parsed.name, here=Path.cwd())


def _remove(parsed: argparse.Namespace, chosen: Settings) -> int:
    section = SECTIONS[parsed.kind] if parsed.kind else None
    return models.remove(parsed.name, section, chosen, default=parsed.default, files=parsed.files)


def _default(parsed: argparse.Namespace, chosen: Settings) -> int:
    return models.default(parsed.name, chosen)


def _convert(parsed: argparse.Namespace, chosen: Settings) -> int:
    return models.convert(parsed.file)


def _check(parsed: argparse.Namespace, chosen: Settings) -> int:
    return models.check(parsed.name, chosen)
