"""The relatives of LoRA against weights that were merged by hand, layer by layer."""

import pytest
import torch
from safetensors.torch import save_file

from tests.dropped.test_loras import KINDS
from worker.models.files.formats.safetensors_file import read_header
from worker.models.loading.add_ons.loras import read_any_lora

LAYERS = {
    "linear": torch.nn.Linear(16, 32),
    "conv": torch.nn.Conv2d(8, 16, 3, padding=1),
    "pointwise": torch.nn.Conv2d(8, 16, 1, stride=1),
}
INPUTS = {
    "linear": torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(1)),
    "conv": torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(2)),
    "pointwise": torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(3)),
}


# Some kinds are for convolutions or for linear layers alone.
POSSIBLE = {
    (kind, layer): made
    for kind in KINDS
    for layer, module in LAYERS.items()
    if (made := KINDS[kind](module.weight.detach(), torch.Generator().manual_seed(0)))
}


def test_every_kind_is_for_some_layer():
    assert {kind for kind, _ in POSSIBLE} == set(KINDS)


@pytest.mark.parametrize(("kind", "layer"), POSSIBLE)
def test_a_layer_gives_what_its_merged_weight_gives(tmp_path, kind: str, layer: str):
    module = LAYERS[layer]
    said, merged = POSSIBLE[kind, layer]
    file = tmp_path / "some.safetensors"
    save_file({f"lora_unet_a.{name}": tensor.contiguous() for name, tensor in said.items()}, file)
    header, cpu = read_header(file), torch.device("cpu")
    change = read_any_lora("some", "loras.some", file, header, cpu, torch.float32).unet["a"]
    assert change.fits(module)
    assert not change.fits(torch.nn.Linear(24, 40))
    with torch.no_grad():
        inputs = INPUTS[layer]
        changed = module(inputs) + change.change(module, inputs)
        again = torch.func.functional_call(module, {"weight": merged}, (inputs,))
    assert torch.allclose(changed, again, atol=1e-4)
