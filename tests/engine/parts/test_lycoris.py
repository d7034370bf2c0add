"""LoRAs as LyCORIS itself makes, trains and saves them, where it is installed: a layer with one
gives what LyCORIS' own module gives."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from worker.models.files.formats.safetensors_file import read_header
from worker.models.loading.add_ons.loras import read_any_lora

lycoris = pytest.importorskip("lycoris.modules", reason="lycoris-lora is not installed")

pytestmark = pytest.mark.slow

LAYERS: dict[str, Callable[[], torch.nn.Module]] = {
    "linear": lambda: torch.nn.Linear(32, 64),
    "conv 3x3": lambda: torch.nn.Conv2d(16, 32, 3, padding=1),
    "conv 1x1": lambda: torch.nn.Conv2d(16, 32, 1),
}

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "locon": ("LoConModule", {}),
    "locon tucker": ("LoConModule", {"use_tucker": True}),
    "dora": ("LoConModule", {"weight_decompose": True}),
    "dora by input": ("LoConModule", {"weight_decompose": True, "wd_on_out": False}),
    "loha": ("LohaModule", {}),
    "loha tucker": ("LohaModule", {"use_tucker": True}),
    "loha dora": ("LohaModule", {"weight_decompose": True}),
    "lokr": ("LokrModule", {"factor": 4}),
    "lokr both": ("LokrModule", {"factor": 4, "decompose_both": True, "lora_dim": 1}),
    "lokr tucker": ("LokrModule", {"factor": 4, "use_tucker": True, "lora_dim": 2}),
    "lokr whole": ("LokrModule", {"full_matrix": True}),
    "lokr dora": ("LokrModule", {"factor": 4, "weight_decompose": True}),
    "full": ("FullModule", {}),
    "oft": ("DiagOFTModule", {}),
    "oft constrained": ("DiagOFTModule", {"constraint": 0.1}),
    "oft rescaled": ("DiagOFTModule", {"rescaled": True}),
    "boft": ("ButterflyOFTModule", {}),
    "boft constrained": ("ButterflyOFTModule", {"constraint": 0.1}),
    "boft rescaled": ("ButterflyOFTModule", {"rescaled": True}),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_layer_gives_what_lycoris_own_module_gives(tmp_path: Path, kind: str, layer: str):
    torch.manual_seed(0)
    module = LAYERS[layer]()
    own = deepcopy(module)
    name, options = KINDS[kind]
    theirs = getattr(lycoris, name)(
        "lora_unet_a", module, 1.0, **{"lora_dim": 4, "alpha": 2, **options}
    )
    for key, weight in theirs.named_parameters():
        if "dora_scale" in key or "rescale" in key:
            weight.mul_(1 + 0.3 * torch.rand_like(weight))
        else:
            weight.add_(torch.randn_like(weight) * 0.2)
    theirs.eval()
    theirs.apply_to()
    saved = theirs.custom_state_dict() or theirs.state_dict()
    file = tmp_path / "some.safetensors"
    save_file({f"lora_unet_a.{key}": each.clone() for key, each in saved.items()}, file)
    inputs = torch.randn(2, 32) if layer == "linear" else torch.randn(2, 16, 8, 8)
    cpu = torch.device("cpu")
    change = read_any_lora("some", "loras.some", file, read_header(file), cpu, torch.float32).unet[
        "a"
    ]
    expected = module(inputs)
    assert torch.allclose(own(inputs) + change.change(own, inputs), expected, atol=1e-4)
    assert not torch.allclose(own(inputs), expected, atol=0.1)
