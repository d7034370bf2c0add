"""Stock diffusers, to compare with what the server makes of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.checkpoints.files import Checkpoint
from tests.dropped.dropping.room import Pixels

Stock = Callable[..., Pixels]


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    """What stock diffusers makes of a checkpoint's file, with its makers' configuration."""
    home = tmp_path_factory.mktemp("stock")

    def picture(
        checkpoint: Checkpoint,
        file: Path,
        *,
        seed: int,
        change: Callable[[Any, Path], Any] = lambda pipe, folder: pipe,
        vae: Path | None = None,
        scheduler: Mapping[str, Any] | None = None,
        **asked: Any,
    ) -> Pixels:
        import diffusers

        pipeline = getattr(diffusers, checkpoint.pipeline)
        folder = home / f"{file.stem}-{len(list(home.iterdir()))}"
        pipe = pipeline.from_single_file(
            str(file),
            config=str(checkpoint.settings(folder)),
            local_files_only=True,
            torch_dtype=torch.float32,
        )
        if scheduler is not None:
            options = dict(scheduler)
            kind = getattr(diffusers, options.pop("_class_name", type(pipe.scheduler).__name__))
            pipe.scheduler = kind.from_config(pipe.scheduler.config, **options)
        if vae is not None:
            pipe.vae = diffusers.AutoencoderKL.from_single_file(
                str(vae), config=str(folder / "vae")
            )
        pipe = change(pipe, folder)
        pipe.set_progress_bar_config(disable=True)
        generator = torch.Generator().manual_seed(seed)
        made = pipe(generator=generator, output_type="np", **asked).images[0]
        return (made * 255).round().astype(int)

    return picture
