"""The diffusers layout: what `StableDiffusionPipeline.from_pretrained` loads as it is."""

import json
import shutil
from pathlib import Path

import torch
from diffusers import PNDMScheduler, StableDiffusionPipeline
from transformers import PreTrainedTokenizerFast

from . import autoencoder, diffusion
from .diffusion import NOISE
from .sampling import Model

SHARD = "15MB"  # a shard stays under 16 MiB, which hosts and mirrors of repositories accept
PARTS = ("vae", "unet", "text_encoder", "tokenizer", "scheduler")


def export(model: Model, folder: Path) -> None:
    """Write the model in fp16 safetensors shards; other files of `folder` stay."""
    # How far captions were padded is no part of a tokenizer; who uses it says that.
    model.tokenizer.backend_tokenizer.no_padding()
    model.tokenizer.backend_tokenizer.no_truncation()
    parts = (model.vae, model.diffusion)
    for part in parts:
        part.to("cpu", torch.float16)
    pipeline = StableDiffusionPipeline(
        vae=model.vae,
        text_encoder=model.diffusion.text_encoder,
        tokenizer=model.tokenizer,
        unet=model.diffusion.unet,
        scheduler=PNDMScheduler(
            **NOISE, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    pipeline.save_pretrained(partial, max_shard_size=SHARD)
    for part in parts:  # the caller goes on with what was exported
        part.float()
    tidy(partial)
    folder.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        shutil.rmtree(folder / name, ignore_errors=True)
        (partial / name).replace(folder / name)
    (partial / "model_index.json").replace(folder / "model_index.json")
    shutil.rmtree(partial)


def tidy(folder: Path) -> None:
    """Drop the training machine's paths, and name the tokenizer as every transformers knows it."""
    for path in folder.rglob("*.json"):
        contents = json.loads(path.read_text())
        if not isinstance(contents, dict):
            continue
        for key in ("_name_or_path", "is_local", "local_files_only"):
            contents.pop(key, None)
        if path.name == "model_index.json":
            contents["tokenizer"] = ["transformers", "PreTrainedTokenizerFast"]
        if path.name == "tokenizer_config.json":
            contents["tokenizer_class"] = "PreTrainedTokenizerFast"
        if "dtype" in contents:
            # Transformers loads what a config says, diffusers loads float32: whoever names no dtype
            # would get a text encoder in half beside a U-Net in full, which cannot be multiplied.
            contents["dtype"] = "float32"
        if path.parent.name != "tokenizer" or path.name == "tokenizer_config.json":
            path.write_text(json.dumps(contents, indent=2, sort_keys=True) + "\n")


def load(folder: Path) -> Model:
    """An exported model in fp32, to measure it or to train it further."""
    return Model(
        PreTrainedTokenizerFast.from_pretrained(folder, subfolder="tokenizer"),
        diffusion.load(folder),
        autoencoder.load(folder),
    )
