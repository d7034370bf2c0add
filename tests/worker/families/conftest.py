"""A whole server with a tiny model of each family, that a folder of tests shares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running.site import Site, site_in
from tests.tiny_controlnets import NETS, SINGLE, save_single_control, save_tiny_control
from tests.tiny_models import save_tiny, save_tiny_vae
from tests.tiny_pipelines import SAVERS, save_tiny_flux, save_tiny_sana_sprint

UNETS = ("sd1", "sdxl")

DEEP = "flux-deep"
"""A Flux with an autoencoder as deep as a real one's."""

SPRINT = "sana-sprint"
"""The Sana that walks in its own way."""

TINY = "flux-tiny"
"""The Flux with an AutoencoderTiny for its previews."""


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("families")
    for name, save in SAVERS.items():
        save(data / name)
    for name in UNETS:
        save_tiny(name, data / name)
    for name in NETS:
        # Nothing names most of these: what lies in the folder of models is found.
        folder = data if name == "union" else data / "models" / "controlnets"
        save_tiny_control(name, folder / f"{name}-control")
    for name in SINGLE:
        file = data / "models" / "controlnets" / f"{name}-control.safetensors"
        save_single_control(name, file, data / "stock" / f"{name}-control")
    save_tiny_flux(data / DEEP, levels=4)
    save_tiny_sana_sprint(data / SPRINT)
    models = data / "models.toml"
    names = (*SAVERS, *UNETS, DEEP, SPRINT)
    named = [f'[models.{name}]\nsource = "{name}"' for name in names]
    named.append('[controlnets.union-control]\nsource = "union-control"\nmode = 1')
    save_tiny_vae(data / "tiny-vae", channels=16)
    named.append(f'[models.{TINY}]\nsource = "flux"\ntiny_vae = "tiny-vae"')
    models.write_text("\n".join(named))
    with site_in(data, models=models) as site:
        yield site
