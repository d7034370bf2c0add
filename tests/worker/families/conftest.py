"""A whole server with a tiny model of each family, that a folder of tests shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running.kept import Kept
from tests.running.site import Site, site_in
from tests.tiny.depth import save_tiny_depth
from tests.tiny.models import save_tiny, save_tiny_vae
from tests.tiny.parts import save_tiny_controlnet
from tests.tiny.pipelines.controlnets import NETS, SINGLE, save_single_control, save_tiny_control
from tests.tiny.pipelines.pipelines import SAVERS, save_tiny_flux, save_tiny_sana_sprint
from tests.tiny.pipelines.qwen_21 import save_tiny_qwen_21
from tests.tiny.references import Form, save_tiny_image_encoder, save_tiny_ip_adapter
from tests.tiny.steering import (
    save_tiny_from_first_level,
    save_tiny_t2i_adapter,
    save_tiny_union,
)
from tests.worker.families.comparing.page import Figures, write_page

UNETS = ("sd1", "sdxl")

FORMS: tuple[Form, ...] = ("base", "plus", "full")
"""Of the IP-Adapters for UNets."""

CROSSED = "sd1-crossed"
"""A Stable Diffusion 1 that attends to words on its first level, as the real one does."""

DEEP = "flux-deep"
"""A Flux with an autoencoder as deep as a real one's."""

SPRINT = "sana-sprint"
"""The Sana that walks in its own way."""

LAID_OUT = "qwen-image-21-laid-out"
"""The Qwen-Image 2.1 whose makers say how noisy each step is."""

TINY = "flux-tiny"
"""The Flux with an AutoencoderTiny for its previews."""


FOUND = pytest.StashKey[dict[str, Figures]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-families", type=Path, help="file for the page of what was measured")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FOUND] = {}


def pytest_sessionfinish(session: pytest.Session) -> None:
    target: Path | None = session.config.getoption("--write-families", None)
    if target is not None:
        write_page(target, session.config.stash[FOUND])


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> dict[str, Figures]:
    """What was measured of families, by their names."""
    return request.config.stash.setdefault(FOUND, {})


@pytest.fixture(scope="module")
def site(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return kept.one("families", lambda: served(tmp_path_factory.mktemp("families")))


@contextmanager
def served(data: Path) -> Iterator[Site]:
    """A whole server with a tiny model of each family."""
    for name, save in SAVERS.items():
        save(data / name)
    for name in UNETS:
        save_tiny(name, data / name)
        for form in FORMS:
            file = data / "models" / "ip_adapters" / f"{name}-{form}.safetensors"
            save_tiny_ip_adapter(file, data / name, form)
    save_tiny_image_encoder(data / "models" / "ip_adapters" / "image_encoder")
    for name in NETS:
        # Nothing names most of these: what lies in the folder of models is found.
        folder = data if name == "union" else data / "models" / "controlnets"
        save_tiny_control(name, folder / f"{name}-control")
    nets = data / "models" / "controlnets"
    save_tiny_controlnet(nets / "edges", data / "sd1")
    save_tiny_from_first_level(data / CROSSED)
    save_tiny_t2i_adapter(nets / f"{CROSSED}-t2i", "full_adapter")
    save_tiny_t2i_adapter(nets / "sdxl-t2i", seed=1)
    save_tiny_union(nets / "sdxl-union", data / "sdxl")
    for name in SINGLE:
        file = data / "models" / "controlnets" / f"{name}-control.safetensors"
        save_single_control(name, file, data / "stock" / f"{name}-control")
    save_tiny_flux(data / DEEP, levels=4)
    save_tiny_sana_sprint(data / SPRINT)
    save_tiny_qwen_21(data / LAID_OUT, sample_sigmas=[1.0, 0.8, 0.3])
    models = data / "models.toml"
    names = (*SAVERS, *UNETS, CROSSED, DEEP, SPRINT, LAID_OUT)
    named = [f'[models.{name}]\nsource = "{name}"' for name in names]
    save_tiny_depth(data / "depth")
    named += [
        f'[preprocessors.{task}-model]\nsource = "depth"\ntask = "{task}"'
        for task in ("depth", "normal")
    ]
    named.append('[controlnets.union-control]\nsource = "union-control"\nmode = 1')
    save_tiny_vae(data / "tiny-vae", channels=16)
    named.append(f'[models.{TINY}]\nsource = "flux"\ntiny_vae = "tiny-vae"')
    models.write_text("\n".join(named))
    with site_in(data, models=models) as site:
        yield site
