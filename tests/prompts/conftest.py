"""A server with tiny models whose prompts speak the language of this field."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running.kept import Kept
from tests.running.site import Site, site_in
from tests.tiny.models import save_tiny
from tests.tiny.parts import save_tiny_lora
from tests.tiny.pipelines.pipelines import save_tiny_sd3


@pytest.fixture(scope="module")
def site(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return kept.one("prompts", lambda: served(tmp_path_factory.mktemp("prompts")))


@contextmanager
def served(data: Path) -> Iterator[Site]:
    """A whole server with these models."""
    save_tiny("sd1", data / "sd1")
    save_tiny_sd3(data / "sd3")
    models = data / "models.toml"
    save_tiny_lora(data / "ink.safetensors", data / "sd1")
    models.write_text(
        '[models.sd1]\nsource = "sd1"\n[models.sd3]\nsource = "sd3"\n'
        '[loras.ink]\nsource = "ink.safetensors"\n'
    )
    with site_in(data, models=models) as site:
        yield site
