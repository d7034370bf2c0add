"""From files to ControlNets: in diffusers' layout, and in one file under any of their names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import safetensors.torch
import torch
from diffusers.loaders import single_file_utils
from diffusers.models.adapter import T2IAdapter
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.controlnets.controlnet_flux import FluxControlNetModel
from diffusers.models.controlnets.controlnet_qwenimage import QwenImageControlNetModel
from diffusers.models.controlnets.controlnet_sd3 import SD3ControlNetModel
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel

from worker.engine.parts.control import LoadedControlNet
from worker.engine.parts.t2i_adapter import LoadedT2IAdapter
from worker.models.files.configurations.steering import STABILITY, XLABS
from worker.models.files.errors import SourceError
from worker.models.files.formats.layout import read_json
from worker.models.files.steering.controlnets import LDM, controlnet_files
from worker.models.files.steering.t2i_adapters import CLASS as T2I_ADAPTER
from worker.models.files.steering.t2i_adapters import diffusers_name, is_light
from worker.models.loading.finite import check_finite
from worker.models.loading.networks.pieces import renamed
from worker.models.loading.pretrained import load_pretrained
from worker.models.tables import ControlNetEntry

# None of these is typed.
load_file: Any = cast(Any, safetensors.torch).load_file
control_to_diffusers: Any = cast(Any, single_file_utils).convert_controlnet_checkpoint
ControlNet: Any = ControlNetModel
CONTROLNETS: dict[Any, Any] = {
    "SD3ControlNetModel": SD3ControlNetModel,
    "FluxControlNetModel": FluxControlNetModel,
    "QwenImageControlNetModel": QwenImageControlNetModel,
    "ControlNetUnionModel": ControlNetUnionModel,
    T2I_ADAPTER: T2IAdapter,
}

Tensors = dict[str, torch.Tensor]

HINTS = 14
"""The number of the last of XLabs' layers that look at pixels; every other one is none."""


def load_controlnet(
    entry: ControlNetEntry, device: torch.device, dtype: torch.dtype
) -> LoadedControlNet | LoadedT2IAdapter:
    """Read a ControlNet or a T2I-Adapter, in diffusers' layout or as a single file. Raises
    SourceError."""
    folder, file = controlnet_files(entry)
    kind = CONTROLNETS.get(read_json(folder / "config.json").get("_class_name"))
    where = f"{entry.where}.source"
    if file is not None:
        read = READ.get(kind, _for_a_transformer)
        net = _filled(kind or ControlNet, file, folder, where, read).to(dtype)
    else:
        net = load_pretrained(
            kind or ControlNet, folder, f"{where}: ", variant=entry.variant, torch_dtype=dtype
        )
    net.eval().requires_grad_(False).to(device)
    if kind is T2IAdapter:
        return LoadedT2IAdapter(entry.name, net, device, dtype)
    return LoadedControlNet(entry.name, net, device, dtype, entry.mode)


def _filled(kind: Any, file: Path, folder: Path, where: str, read: Any) -> Any:
    """A ControlNet of this class and configuration with a file's weights, which `read` names as
    diffusers does. Raises SourceError."""
    net = kind.from_config(kind.load_config(folder))
    tensors: Tensors = load_file(str(file))
    check_finite(where, tensors)
    named: Tensors = read(net, tensors)
    expected = net.state_dict()
    missing = sorted(name for name in expected if named.get(name) is None)
    if missing:
        raise SourceError(f"{where}: {file} lacks {len(missing)} of its weights: {missing[0]}.")
    for name, weight in expected.items():
        if named[name].shape != weight.shape:
            raise SourceError(
                f"{where}: {file}: {name} is {tuple(named[name].shape)}, and its configuration says"
                f" {tuple(weight.shape)}."
            )
    net.load_state_dict({name: named[name] for name in expected})
    return net


def _for_a_unet(net: Any, tensors: Tensors) -> Tensors:
    """In diffusers' layout or the original one."""
    tensors = {name.removeprefix(LDM): tensor for name, tensor in tensors.items()}
    named: Tensors = control_to_diffusers(tensors, net.config)
    for name, tensor in tensors.items():
        # What SDXL's are told beside the text, which diffusers' own reading leaves out.
        if found := re.fullmatch(r"label_emb\.0\.([02])\.(weight|bias)", name):
            named[f"add_embedding.linear_{1 + int(found[1]) // 2}.{found[2]}"] = tensor
    return named


def _for_a_transformer(net: Any, tensors: Tensors) -> Tensors:
    """Under diffusers' names, XLabs' or Stability's."""
    names = net.state_dict().keys()
    if XLABS in tensors:
        own = {_of_xlabs(name): tensor for name, tensor in tensors.items()}
        return renamed("flux", own, names)
    if STABILITY in tensors:
        own = {
            re.sub(r"^transformer_blocks\.(\d+)\.", r"joint_blocks.\1.x_block.", name): tensor
            for name, tensor in tensors.items()
        }
        return renamed("sd3", own, names)
    return tensors


def _as_it_is(_: Any, tensors: Tensors) -> Tensors:
    return tensors


def _t2i_adapter(_: Any, tensors: Tensors) -> Tensors:
    """Under diffusers' names or its makers'."""
    light = is_light({name: tuple(each.shape) for name, each in tensors.items()})
    return {diffusers_name(name, light): each for name, each in tensors.items()}


READ: dict[Any, Any] = {
    None: _for_a_unet,
    ControlNetUnionModel: _as_it_is,
    T2IAdapter: _t2i_adapter,
}
"""What names a file's weights as diffusers does, where it is not one for a transformer."""


def _of_xlabs(name: str) -> str:
    """What is the ControlNet's own, as diffusers names it; the rest has the names of Flux."""
    if found := re.fullmatch(r"input_hint_block\.(\d+)\.(weight|bias)", name):
        number, end = int(found[1]), found[2]
        if number in (0, HINTS):
            return f"input_hint_block.conv_{'out' if number else 'in'}.{end}"
        return f"input_hint_block.blocks.{number // 2 - 1}.{end}"
    return re.sub(r"^pos_embed_input\.", "controlnet_x_embedder.", name)
