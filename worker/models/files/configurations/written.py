"""Configurations of single files as folders in the diffusers layout, which is what libraries read.

They are small, are made anew when they are asked for, and go with the process.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

CLIP = Path(__file__).parent / "clip"
VOCABULARY = ("vocab.json", "merges.txt")


def write(files: Mapping[str, Mapping[str, Any] | Path]) -> Path:
    """The folder of a configuration: the same one for the same content. What is a path is a folder
    that it has by a link.

    Raises OSError where the system's folder for temporary files takes none.
    """
    text = json.dumps(files, sort_keys=True, default=str)
    folder = _home() / hashlib.sha256(text.encode()).hexdigest()[:16]
    if folder.is_dir():
        return folder
    # Written aside and moved, so that another thread finds all of it or nothing.
    making = Path(tempfile.mkdtemp(dir=_home()))
    for name, content in files.items():
        file = making / name
        file.parent.mkdir(exist_ok=True)
        if isinstance(content, Path):
            file.symlink_to(content.absolute(), target_is_directory=True)
            continue
        file.write_text(json.dumps(content, indent=2), encoding="utf-8")
    for tokenizer in (each for each in making.glob("tokenizer*") if not each.is_symlink()):
        for name in VOCABULARY:
            _link(CLIP / name, tokenizer / name)
    with suppress(OSError):
        making.rename(folder)
    return folder


def _link(there: Path, here: Path) -> None:
    try:
        here.symlink_to(there)
    except OSError:
        shutil.copyfile(there, here)


@cache
def _home() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="darkroom-configurations-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
