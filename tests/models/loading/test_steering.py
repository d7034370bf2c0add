"""T2I-Adapters and ControlNets of several kinds in one file: known by their shapes, and loaded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.adapter import T2IAdapter
from safetensors.torch import load_file, save_file

from tests.tiny.models import save_tiny
from tests.tiny.parts import controlnet_entry
from tests.tiny.steering import save_tiny_union
from worker.models.files.add_ons import find
from worker.models.files.formats.safetensors_file import read_header
from worker.models.files.steering.t2i_adapters import adapter_config
from worker.models.folders.kinds import kind_of
from worker.models.loading.add_ons.add_ons import load_controlnet

CPU = torch.device("cpu")

ADAPTERS: dict[str, dict[str, Any]] = {
    "full": {"channels": [32, 64, 64, 64], "downscale_factor": 8, "adapter_type": "full_adapter"},
    "sketch": {"channels": [32, 64], "downscale_factor": 8, "in_channels": 1},
    "large": {"channels": [32, 64, 64], "downscale_factor": 16, "adapter_type": "full_adapter_xl"},
    "light": {"channels": [32, 64], "downscale_factor": 8, "adapter_type": "light_adapter"},
}
USUAL = {"in_channels": 3, "num_res_blocks": 2, "adapter_type": "full_adapter"}


def makers_names(tensors: dict[str, torch.Tensor], *, light: bool) -> dict[str, torch.Tensor]:
    """As the adapters' makers name them: two blocks a level in one row, or levels with bodies."""

    def renamed(name: str) -> str:
        name = name.removeprefix("adapter.")
        if light:
            return name.replace(".resnets.", ".body.")
        name = re.sub(
            r"body\.(\d+)\.resnets\.(\d+)\.",
            lambda found: f"body.{2 * int(found[1]) + int(found[2])}.",
            name,
        )
        return re.sub(
            r"body\.(\d+)\.in_conv\.", lambda found: f"body.{2 * int(found[1])}.in_conv.", name
        )

    return {renamed(name): tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize("layout", ["diffusers", "makers"])
@pytest.mark.parametrize("name", ADAPTERS)
def test_a_t2i_adapter_in_one_file_is_known_by_its_shapes(tmp_path: Path, name: str, layout: str):
    said = USUAL | ADAPTERS[name]
    net: Any = T2IAdapter(**said)
    tensors: dict[str, torch.Tensor] = net.state_dict()
    if layout == "makers":
        tensors = makers_names(tensors, light=name == "light")
    file = tmp_path / "adapter.safetensors"
    save_file(tensors, file)
    shapes = read_header(file).shapes
    assert kind_of(shapes) == "controlnets"
    assert adapter_config(shapes) == said | {"_class_name": "T2IAdapter"}
    wide = {"large": (32, 64), "light": (32, 64, 64)}.get(name, tuple(said["channels"]))
    assert find(controlnet_entry(file)).channels == wide
    loaded: Any = load_controlnet(controlnet_entry(file), CPU, torch.float32)
    picture = torch.rand(1, 3, 64, 64)
    expected = net(picture[:, : said["in_channels"]])
    for one, other in zip(loaded.features(picture), expected, strict=True):
        torch.testing.assert_close(one, other)


def test_a_controlnet_of_several_kinds_in_one_file_is_known_by_its_shapes(tmp_path: Path):
    folder = save_tiny_union(tmp_path / "net", save_tiny("sdxl", tmp_path / "sdxl"))
    file = tmp_path / "union.safetensors"
    save_file(load_file(folder / "diffusion_pytorch_model.safetensors"), file)
    assert kind_of(read_header(file).shapes) == "controlnets"
    found = find(controlnet_entry(file))
    assert len(found.told.control_types) == 8
    fixed = controlnet_entry(file, mode=3)
    assert find(fixed).told.control_types == []
