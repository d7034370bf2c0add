"""A whole server with a tiny model of each family, that a folder of tests shares."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.running.site import Site, site_in
from tests.tiny_models import save_tiny
from tests.tiny_pipelines import SAVERS

UNETS = ("sd1", "sdxl")


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("families")
    for name, save in SAVERS.items():
        save(data / name)
    for name in UNETS:
        save_tiny(name, data / name)
    models = data / "models.toml"
    names = (*SAVERS, *UNETS)
    models.write_text("\n".join(f'[models.{name}]\nsource = "{name}"' for name in names))
    with site_in(data, models=models) as site:
        yield site


@pytest.fixture(scope="package")
def client(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, timeout=90) as client:
        yield client
