"""Networks that restore faces, by their tensors' names, and what finds the faces for them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from worker.models.files.errors import SourceError
from worker.models.files.formats.places import find_file
from worker.models.tables import FaceRestorerEntry

GFPGAN = {"toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"}
RESTORE_FORMER = {
    *("quantize.embedding.weight", "encoder.conv_in.weight", "quant_conv.weight"),
    *("encoder.mid.attn_1.norm2.weight", "decoder.conv_out.weight"),
}
CODE_FORMER = {"position_emb", "quantize.embedding.weight"}
"""What each holds, and others do not."""

WRAPPERS = ("params_ema.", "params.")
"""What the names in a file may begin with."""

FINDER = "*yunet*.onnx"
"""How OpenCV's model zoo calls what finds faces: face_detection_yunet_2023mar.onnx."""


def restores_faces(names: Iterable[str]) -> bool:
    """Whether a file with tensors of these names is a GFPGAN (1.2 to 1.4) or a RestoreFormer.

    Raises SourceError, a clause, for a CodeFormer.
    """
    bare = {_bare(name) for name in names}
    if bare >= CODE_FORMER:
        raise SourceError(
            "a CodeFormer, whose network spandrel leaves out for its licence; GFPGAN and"
            " RestoreFormer restore faces here"
        )
    return bare >= GFPGAN or bare >= RESTORE_FORMER


def finder_for(entry: FaceRestorerEntry, file: Path) -> Path:
    """The ONNX file of what finds faces for a restorer: the one that is named, else the one that
    lies beside it. Raises SourceError."""
    if entry.detector is not None:
        return find_file(entry.detector, entry.base, f"{entry.where}.detector")
    beside = sorted(file.parent.glob(FINDER))
    if not beside:
        raise SourceError(
            f"{entry.where}: it needs what finds faces: put face_detection_yunet_2023mar.onnx of"
            f" OpenCV's model zoo (232 kB) beside {file.name}, or name it by `detector`."
        )
    return beside[-1]


def _bare(name: str) -> str:
    for wrapper in WRAPPERS:
        name = name.removeprefix(wrapper)
    return name
