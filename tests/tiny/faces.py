"""A tiny restorer of faces, and an ONNX file that finds a face wherever a picture is magenta."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from worker.engine.faces.restorer import UPRIGHT
from worker.models.loading.add_ons.by_spandrel import imported

CELL = 32
"""Side in pixels of a magenta square that is taken for a nose; it lies on a grid of its size."""

SIDE = 640
"""Side in pixels of the pictures that it says that it takes, as YuNet does; it takes others."""

NOSE = (240, 304)
"""Where in the restorer's view that square lies."""


def save_tiny_restorer(folder: Path, name: str = "RestoreFormer") -> Path:
    """RestoreFormer's own network with few layers, as narrow as its norms allow; and its finder."""
    spandrel = imported()
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = spandrel.architectures.RestoreFormer.RestoreFormer(
            ch=32, ch_mult=(1,) * 6, num_res_blocks=1, n_embed=8, embed_dim=32, z_channels=32
        )
    file = folder / f"{name}.safetensors"
    save_file(network.state_dict(), file)
    (folder / "face_detection_yunet_2023mar.onnx").write_bytes(finder_of_magenta())
    return file


def with_faces(width: int, height: int, *cells: tuple[int, int]) -> Image.Image:
    """Grey noise with a nose in each of these cells."""
    grey = np.random.default_rng(5).integers(60, 200, (height, width, 1), np.uint8)
    pixels = np.repeat(grey, 3, 2)
    for across, down in cells:
        at = np.s_[down * CELL : (down + 1) * CELL, across * CELL : (across + 1) * CELL]
        pixels[at] = (255, 0, 255)
    return Image.fromarray(pixels)


def finder_of_magenta() -> bytes:
    """An ONNX file with YuNet's outputs: at its coarsest grid a cell's score is how magenta it is,
    and what it says of a face is always the same."""
    nodes: list[bytes] = []
    weights: list[bytes] = []
    magenta = np.zeros((1, 3, CELL, CELL), np.float32)
    magenta[0] = np.array([0.5, -1, 0.5])[:, None, None] / (255 * CELL * CELL)
    marks = ((UPRIGHT - np.array(NOSE)) / CELL).ravel()
    box = np.array([0.5, 0.5, np.log(16), np.log(16)])
    outputs: list[bytes] = []
    for stride in (8, 16, CELL):
        for name, said in {"cls": [0], "obj": [0], "bbox": box, "kps": marks}.items():
            output = f"{name}_{stride}"
            coarsest = stride == CELL and name in ("cls", "obj")
            kernel = magenta if coarsest else np.zeros((len(said), 3, stride, stride), np.float32)
            weights += [
                _tensor(f"{output}.w", kernel),
                _tensor(f"{output}.b", np.array(said, np.float32)),
                _tensor(f"{output}.shape", np.array([1, -1, len(said)], np.int64)),
            ]
            conv = {"kernel_shape": [stride] * 2, "strides": [stride] * 2}
            nodes += [
                _node("Conv", ["input", f"{output}.w", f"{output}.b"], f"{output}.c", **conv),
                _node("Transpose", [f"{output}.c"], f"{output}.t", perm=[0, 2, 3, 1]),
                _node("Reshape", [f"{output}.t", f"{output}.shape"], output),
            ]
            outputs.append(_value(output, (1, (SIDE // stride) ** 2, len(said))))
    graph = b"".join(
        [
            *(_part(1, node) for node in nodes),
            _part(2, b"finder"),
            *(_part(5, tensor) for tensor in weights),
            _part(11, _value("input", (1, 3, SIDE, SIDE))),
            *(_part(12, output) for output in outputs),
        ]
    )
    return _number(1, 8) + _part(7, graph) + _part(8, _part(1, b"") + _number(2, 13))


# ONNX is protobuf, of which these are the few parts that are needed


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _part(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _node(kind: str, inputs: Iterable[str], output: str, **lists: list[int]) -> bytes:
    attributes = [
        _part(5, _part(1, name.encode()) + b"".join(_number(8, n) for n in values) + _number(20, 7))
        for name, values in lists.items()
    ]
    read = b"".join(_part(1, name.encode()) for name in inputs)
    return read + _part(2, output.encode()) + _part(4, kind.encode()) + b"".join(attributes)


def _tensor(name: str, values: np.ndarray[Any, Any]) -> bytes:
    kind = {"float32": 1, "int64": 7}[values.dtype.name]
    dims = b"".join(_number(1, n) for n in values.shape)
    return dims + _number(2, kind) + _part(8, name.encode()) + _part(9, values.tobytes())


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_part(1, _number(1, n)) for n in shape)
    kind = _number(1, 1) + _part(2, dims)
    return _part(1, name.encode()) + _part(2, _part(1, kind))
