"""A server with tiny models that edit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running.kept import Kept
from tests.running.site import Site, site_in
from tests.tiny.pipelines.editors import EDITORS


@pytest.fixture(scope="module")
def site(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A whole server with tiny models that edit."""
    return kept.one("edits", lambda: served(tmp_path_factory.mktemp("edits")))


@contextmanager
def served(data: Path) -> Iterator[Site]:
    """A whole server with all that edit."""
    for name, save in EDITORS.items():
        save(data / name)
    models = data / "models.toml"
    models.write_text("\n".join(f'[models.{name}]\nsource = "{name}"' for name in EDITORS))
    with site_in(data, models=models) as site:
        yield site
