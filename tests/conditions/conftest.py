"""A server with tiny models, which are asked for what says more than one prompt can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler

from tests.running.kept import Kept
from tests.running.site import Site, site_in
from tests.tiny.faces import save_tiny_restorer
from tests.tiny.maps import save_tiny_detector, save_tiny_pose, save_tiny_segmentation
from tests.tiny.models import save_tiny, tiny_sd, tiny_unet
from tests.tiny.pipelines.pipelines import save_tiny_sd3
from tests.tiny.segmenters import save_tiny_clipseg, save_tiny_sam
from tests.tiny.steering import save_tiny_t2i_adapter


@pytest.fixture(scope="module")
def site(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return kept.one("conditions", lambda: served(tmp_path_factory.mktemp("conditions")))


@contextmanager
def served(data: Path) -> Iterator[Site]:
    """A whole server with these models."""
    save_tiny("sd1", data / "sd1")
    save_tiny_sd3(data / "sd3")
    save_tiny_with_classes(data / "classes")
    save_tiny_t2i_adapter(data / "models" / "controlnets" / "edges", "full_adapter_xl")
    if find_spec("spandrel"):
        save_tiny_restorer(data / "models" / "face_restorers")
    save_tiny_segmentation(data / "things")
    save_tiny_pose(data / "joints")
    save_tiny_detector(data / "people")
    save_tiny_clipseg(data / "named")
    save_tiny_sam(data / "models" / "segmenters" / "tapped")
    models = data / "models.toml"
    names = ("sd1", "sd3", "classes")
    maps = {"things": ("segmentation", ""), "joints": ("pose", 'detector = "people"\n')}
    models.write_text(
        "".join(f'[models.{name}]\nsource = "{name}"\n' for name in names)
        + "".join(
            f'[preprocessors.{name}]\nsource = "{name}"\ntask = "{task}"\n{more}'
            for name, (task, more) in maps.items()
        )
        + '[segmenters.named]\nsource = "named"\n'
    )
    with site_in(data, models=models) as site:
        yield site


def save_tiny_with_classes(folder: Path) -> None:
    """A model that was taught four classes; a fifth stands for none."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        scheduler = DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1)
        tiny_sd(tiny_unet(num_class_embeds=5), scheduler).save_pretrained(folder)
