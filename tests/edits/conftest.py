"""A server with tiny models that edit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running.site import Site, site_in
from tests.tiny.pipelines.editors import EDITORS


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A whole server with tiny models that edit."""
    data = tmp_path_factory.mktemp("edits")
    for name, save in EDITORS.items():
        save(data / name)
    models = data / "models.toml"
    models.write_text("\n".join(f'[models.{name}]\nsource = "{name}"' for name in EDITORS))
    with site_in(data, models=models) as site:
        yield site
