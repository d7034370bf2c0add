"""A server with tiny models, which are asked for what says more than one prompt can."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running.site import Site, site_in
from tests.tiny_models import save_tiny
from tests.tiny_pipelines import save_tiny_sd3


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("conditions")
    save_tiny("sd1", data / "sd1")
    save_tiny_sd3(data / "sd3")
    models = data / "models.toml"
    models.write_text('[models.sd1]\nsource = "sd1"\n[models.sd3]\nsource = "sd3"\n')
    with site_in(data, models=models) as site:
        yield site
