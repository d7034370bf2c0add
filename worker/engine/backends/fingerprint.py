"""A network by its very weights: what was compiled and measured of others says nothing of it."""

import hashlib
import json
from typing import Any

import torch


def configured(module: Any) -> str:
    """Its configuration, but for what diffusers notes of the file beside it: where it lay, and in
    no order which entries it had not."""
    own: Any = getattr(module, "config", None) or {}
    # That of transformers is an object with more in it than what was set.
    config: dict[str, Any] = own.to_diff_dict() if hasattr(own, "to_diff_dict") else dict(own)
    own = {name: value for name, value in config.items() if not name.startswith("_")}
    return json.dumps(own, default=repr, sort_keys=True)


def fingerprint(module: Any) -> str:
    """The same for two modules only where class, configuration and every weight are."""
    found = hashlib.sha256(type(module).__name__.encode())
    found.update(configured(module).encode())
    for name, tensor in sorted(module.state_dict().items()):
        plain = tensor.detach().contiguous()
        found.update(f"{name} {tuple(plain.shape)} {plain.dtype}".encode())
        found.update(plain.view(-1).view(torch.uint8).numpy())
    return found.hexdigest()


def sampled(module: Any, numbers: int = 8) -> str:
    """The same by the first numbers of each weight: other weights for the same network, such as
    somebody's training of it, differ there."""
    found = hashlib.sha256(type(module).__name__.encode())
    first = [each.detach().flatten()[:numbers].float() for each in module.state_dict().values()]
    if first:
        found.update(torch.cat(first).cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
