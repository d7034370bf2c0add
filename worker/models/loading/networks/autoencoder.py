"""Loads an autoencoder that a model takes instead of its own: one file, or a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import safetensors.torch
import torch
from diffusers.loaders import single_file_utils
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from worker.models.files.configurations.autoencoder import autoencoder_config
from worker.models.files.configurations.composed import VAE, without
from worker.models.files.errors import SourceError
from worker.models.files.formats.safetensors_file import read_complete
from worker.models.files.single_files.pieces import Piece
from worker.models.loading.finite import check_finite
from worker.models.loading.pretrained import load_pretrained

Tensors = dict[str, torch.Tensor]

load_file: Any = cast(Any, safetensors.torch).load_file
from_original: Any = cast(Any, single_file_utils).convert_ldm_vae_checkpoint
Autoencoder: Any = AutoencoderKL

EARLY_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""diffusers' own names of the middle's attention, before and after they were changed."""


NOT_SAID = ("scaling_factor", "norm_num_groups", "act_fn")
"""What no tensor's name or shape says, and the model's own configuration does."""


def load_autoencoder(where: str, source: Path, own: dict[str, Any], dtype: torch.dtype) -> Any:
    """The autoencoder at `source`, for a model whose own has the configuration `own`.

    What a single file does not say, such as the scale of the latents, is as in the model's own.
    Raises SourceError, naming the key `where`.
    """
    if source.is_dir():
        vae = load_pretrained(Autoencoder, source, f"{where}: ", torch_dtype=dtype)
    else:
        vae = _from_file(where, source, own, dtype)
    if vae.config.latent_channels != own["latent_channels"]:
        raise SourceError(
            f"{where}: {source} is for latents of {vae.config.latent_channels} channels; the"
            f" model's have {own['latent_channels']}."
        )
    return vae


def load_autoencoder_piece(piece: Piece, own: dict[str, Any], dtype: torch.dtype) -> Any:
    """The autoencoder that a checkpoint holds beside its transformer. Raises SourceError."""
    return _from_file(str(piece.file), piece.file, own, dtype, piece.prefix)


def _from_file(
    where: str, file: Path, own: dict[str, Any], dtype: torch.dtype, prefix: str = VAE
) -> Any:
    shapes = read_complete(file).shapes
    shapes = without(shapes, prefix) or shapes
    try:
        config = {**own, **autoencoder_config(shapes, "", own.get("sample_size", 512))}
    except (KeyError, SourceError) as error:
        raise SourceError(f"{where}: {file} is no autoencoder for latents: {error}.") from None
    config |= {key: own[key] for key in NOT_SAID if key in own}
    vae = Autoencoder.from_config(config)
    loaded: Tensors = load_file(str(file))
    inside = any(name.startswith(prefix) for name in loaded)
    tensors: Tensors = {
        name.removeprefix(prefix): tensor
        for name, tensor in loaded.items()
        if name.startswith(prefix) or not inside
    }
    if any(name.startswith("encoder.down.") for name in tensors):
        tensors = from_original(tensors, vae.config)
    tensors = {_today(name): tensor for name, tensor in tensors.items()}
    expected = vae.state_dict()
    missing = sorted(expected.keys() - tensors.keys())
    if missing:
        raise SourceError(
            f"{where}: {file} lacks {len(missing)} of its weights, such as {missing[0]}."
        )
    check_finite(where, tensors)
    flat = {name: tensors[name].reshape(weight.shape).float() for name, weight in expected.items()}
    vae.load_state_dict(flat)
    return vae.to(dtype)


def _today(name: str) -> str:
    return re.sub(
        r"(attentions\.\d+\.)(query|key|value|proj_attn)\.",
        lambda found: f"{found[1]}{EARLY_ATTENTION[found[2]]}.",
        name,
    )
