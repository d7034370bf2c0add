"""Networks that Inductor compiled make the pictures that PyTorch makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.running.site import site_in
from tests.running.waiting import until
from tests.tiny.model import save_tiny_model
from tests.worker.compiled import backend, picture
from worker.engine.backends.inductor.toolchain import missing


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(missing("cpu") is not None, reason="there is no C++ compiler")
def test_a_server_that_is_told_to_compiles_with_inductor(tmp_path: Path):
    save_tiny_model(tmp_path / "tiny")
    catalogue = tmp_path / "models.toml"
    catalogue.write_text('[models.tiny]\nsource = "tiny"\nsteps = 4\n')
    with site_in(tmp_path / "data", warm_up=True, models=catalogue, backend="inductor") as site:
        until(lambda: backend(site) != "torch", 1700)
        assert backend(site) == "inductor"
        compiled, plain = picture(site), picture(site, exact=True)
        assert compiled.std() > 10
        assert np.abs(compiled - plain).max() <= 2
        until(lambda: any((site.data / "compiled").glob("*.blob")), 60)
