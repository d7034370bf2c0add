"""What the tests of several parts start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny.parts import save_tiny_lora


@pytest.fixture
def loras(tmp_path: Path, tiny_folder: Path) -> dict[str, Path]:
    """A LoRA of each format, and one that changes convolutions and has another alpha."""
    save = save_tiny_lora
    return {
        "kohya": save(tmp_path / "kohya.safetensors", tiny_folder, "kohya", 1),
        "diffusers": save(tmp_path / "diffusers.safetensors", tiny_folder, "diffusers", 2),
        "locon": save(
            tmp_path / "locon.safetensors", tiny_folder, seed=3, alpha=1, convolutions=True
        ),
        "unet": save(tmp_path / "unet.safetensors", tiny_folder, seed=4, text=False),
    }
