"""The header of a GGUF file: names, shapes and number formats of its tensors. No torch.

Read by the package `gguf`, which is optional.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from worker.models.files.errors import SourceError, check_package
from worker.models.files.formats.safetensors_file import Header, problem_of, read_header

SUFFIX = ".gguf"
MAGIC = b"GGUF"


def header_of(file: Path) -> Header:
    """The header of a file of either format. Raises SourceError."""
    if file.suffix != SUFFIX:
        return read_header(file)
    check_package(f"{file} is a GGUF file", "gguf", "gguf")
    try:
        state = file.stat()
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error}.") from error
    return _read(file, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _read(file: Path, size: int, _time: int) -> Header:
    # Here, because it is optional. Any: it is typed in part.
    import gguf

    package: Any = gguf
    try:
        with file.open("rb") as opened:
            begins = opened.read(len(MAGIC))
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error}.") from error
    if begins != MAGIC:
        raise SourceError(f"{file} is no GGUF file: it begins otherwise than one.")
    try:
        reader: Any = package.GGUFReader(str(file))
        shapes = {
            str(each.name): tuple(int(side) for side in reversed(each.shape))
            for each in reader.tensors
        }
        ends = [int(each.data_offset + each.n_bytes) for each in reader.tensors]
        said = reader.get_field("general.architecture")
        architecture = str(said.contents()) if said is not None else ""
    # It raises whatever numpy does where there is less than the file says.
    except Exception as error:
        raise SourceError(
            f"{file} is cut off or broken: it says that it has more than its {size} bytes."
        ) from error
    return Header(shapes, {"general.architecture": architecture}, max(ends, default=size))


def problem_in(file: Path) -> str | None:
    """What is wrong with a file of weights of either format; None if nothing is."""
    if file.suffix != SUFFIX:
        return problem_of(file)
    try:
        header = header_of(file)
        size = file.stat().st_size
    except (SourceError, OSError) as error:
        return str(error)
    if size < header.file_bytes:
        return f"{file} is cut off: it has {size} bytes, and its header says {header.file_bytes}."
    return None
