"""What Inductor needs of a machine: a C++ compiler, and for a card Triton and CUDA's headers, which
come with PyTorch's wheels or with a toolkit."""

import ctypes.util
import importlib.util
import os
import shutil
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

HEADERS = ("cuda.h", "cuda_runtime_api.h", "crt/host_defines.h", "nv/target")
"""Of CUDA, what is asked for: of the driver, the runtime, its compiler's part, and CCCL."""

WHERE = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib/wsl/lib",
)
"""Where the driver's library is, as distributions have it."""


@cache
def missing(kind: str) -> str | None:
    """What this machine lacks to compile for a kind of device; None where all is there."""
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        return "a C++ compiler (g++)"
    if kind != "cuda":
        return None
    if importlib.util.find_spec("triton") is None:
        return "Triton"
    if shutil.which(os.environ.get("CC", "gcc")) is None:
        return "a C compiler (gcc)"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "Python's headers (python3-dev)"
    toolkit = _toolkit()
    folders = [toolkit / "include"] if toolkit else list(_wheels())
    lacking = [name for name in HEADERS if not any(_has(each, name) for each in folders)]
    if lacking:
        return f"{lacking[0]} of CUDA's headers (nvidia-cuda-runtime, -crt and -cccl, or a toolkit)"
    return None


def environment(scratch: Path) -> dict[str, str]:
    """What the compiler is to be told where CUDA is: with no toolkit here, a folder laid out as one
    in `scratch`, of what PyTorch's wheels and the driver have."""
    if _toolkit() or importlib.util.find_spec("triton") is None:
        return {}
    home = scratch / "cuda"
    for each in _wheels():
        _link(each, home / "include")
        _link(each / "cccl", home / "include")
    libraries = home / "lib64"
    libraries.mkdir(parents=True, exist_ok=True)
    driver = next((path for path in _drivers() if path.exists()), None)
    named = libraries / "libcuda.so"
    if driver is not None and not named.exists():
        named.symlink_to(driver)
    return {"CUDA_HOME": str(home), "LIBRARY_PATH": str(libraries)}


def _toolkit() -> Path | None:
    """The folder of an installed toolkit, as PyTorch looks for it."""
    said = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    if said:
        return Path(said)
    compiler = shutil.which("nvcc")
    if compiler:
        return Path(compiler).parent.parent
    usual = Path("/usr/local/cuda")
    return usual if (usual / "include" / "cuda.h").exists() else None


def _wheels() -> Iterator[Path]:
    """The folders of headers in NVIDIA's wheels: one for all since CUDA 13, before one each."""
    spec = importlib.util.find_spec("nvidia")
    for root in (spec.submodule_search_locations or []) if spec else []:
        yield from sorted(Path(root).glob("*/include"))


def _has(folder: Path, name: str) -> bool:
    return (folder / name).exists() or (folder / "cccl" / name).exists()


def _drivers() -> Iterator[Path]:
    for folder in (*os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep), *WHERE):
        if folder:
            yield Path(folder) / "libcuda.so.1"
    found = ctypes.util.find_library("cuda")
    if found and found.startswith("/"):
        yield Path(found)


def _link(folder: Path, into: Path) -> None:
    """Everything in a folder, in another one; folders that several have are joined."""
    into.mkdir(parents=True, exist_ok=True)
    for each in folder.iterdir() if folder.is_dir() else ():
        there = into / each.name
        if each.is_dir():
            _link(each, there)
        elif not there.exists():
            there.symlink_to(each)
