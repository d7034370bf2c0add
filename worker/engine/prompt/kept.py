"""Embeddings on disk: a text that was read once need not be read again, after a restart either."""

import hashlib
import json
import logging
import os
import threading
from collections.abc import Hashable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import safetensors.torch
import torch
from safetensors import SafetensorError

from worker.engine.ground.disk import make_room

log = logging.getLogger(__name__)

load_file: Any = cast(Any, safetensors.torch).load_file
save_file: Any = cast(Any, safetensors.torch).save_file


class KeptEmbeddings:
    """Embeddings in a folder of at most `most` bytes: what was not asked for longest goes first.

    Workers of one machine share the folder. Nothing fails for want of it: what cannot be read is
    read anew by its text encoder, and what cannot be written is not kept.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self._lock = threading.Lock()

    def get(self, encoder: str, asked: Hashable) -> Mapping[str, torch.Tensor] | None:
        """What the `encoder` (a name for its very weights) made of what was `asked`, on the CPU."""
        file = self._file(encoder, asked)
        with suppress(OSError, SafetensorError, ValueError):
            found = load_file(str(file))
            os.utime(file)
            return found
        return None

    def put(self, encoder: str, asked: Hashable, made: Mapping[str, torch.Tensor]) -> None:
        """Keeps what the encoder made."""
        file = self._file(encoder, asked)
        part = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # Views of larger tensors would be kept whole, or refused.
            save_file({name: each.detach().cpu().clone() for name, each in made.items()}, str(part))
            part.replace(file)
        except (OSError, SafetensorError) as error:
            log.warning("embeddings are not kept in %s: %s", self._folder, error)
            part.unlink(missing_ok=True)
            return
        with self._lock:
            make_room(self._folder, "*.safetensors*", self._most)

    def _file(self, encoder: str, asked: Hashable) -> Path:
        name = hashlib.sha256(json.dumps([encoder, repr(asked)]).encode()).hexdigest()
        return self._folder / f"{name}.safetensors"
