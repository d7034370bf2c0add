"""What Inductor compiles is code alone: it stands on the plain network's weights, or on those with
LoRAs merged in, and makes the same pictures."""

from __future__ import annotations

import gc
import time
import weakref
from pathlib import Path

import pytest
import torch

from tests.engine.helpers import Shelf, difference, load, picture, tiny
from tests.tiny.models import save_tiny
from tests.tiny.parts import lora_entry, save_tiny_lora
from worker.engine import Backends, Cabinet, Engine, Lora
from worker.engine.backends.inductor.inductor import Inductor
from worker.engine.backends.inductor.toolchain import missing
from worker.engine.parts.lora import LoraWeights
from worker.models.loading.add_ons.add_ons import load_add_on

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(missing("cpu") is not None, reason="there is no C++ compiler"),
]

CPU = torch.device("cpu")


def improved(engine: Engine) -> None:
    """All is done that can be made faster."""
    backends, idle = engine._backends, 0
    assert backends is not None
    while idle < 2:
        busy = backends._sent > backends._done
        idle = 0 if engine.improve() or busy else idle + 1
        time.sleep(0.05 if busy else 0)


class Compiled:
    """An engine whose networks Inductor compiles for the processor, and how often they ran so."""

    def __init__(self, folder: Path, tiny_folder: Path, loras: list[LoraWeights]) -> None:
        self.ran: list[str] = []
        self.model = load("tiny", tiny_folder)
        cabinet = Cabinet(folder / "compiled", folder / "notes.json", 10**9)
        inductor = Inductor(folder / "compiled", ("cpu",))
        self.backends = Backends([inductor], cabinet, lambda *_: True, self.tell)
        shelf = Shelf(self.model)
        shelf.add_ons = {("lora", each.name): each for each in loras}
        self.engine = Engine(shelf, backends=self.backends)

    def tell(self, model: str, padding: int) -> None:
        """A forward ran compiled."""
        self.ran.append(model)


def test_pictures_are_the_same_compiled_and_with_loras_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("worker.engine.backends.cabinet.WORTHWHILE", 1e9)
    folder = save_tiny("sd1", tmp_path / "tiny")
    file = save_tiny_lora(tmp_path / "lora.safetensors", folder, convolutions=True)
    lora = load_add_on("lora", lora_entry(file, "lora"), CPU, torch.float32)
    one = Compiled(tmp_path, folder, [lora])
    asked = tiny(width=64, height=64, sampler="euler", steps=8)
    changed = tiny(width=64, height=64, sampler="euler", steps=8, loras=(Lora("lora", 0.8),))
    right, right_changed = picture(one.engine, asked), picture(one.engine, changed)
    assert difference(right, right_changed) > 10
    improved(one.engine)
    assert one.engine.compiled() == {"tiny": "inductor"}
    assert difference(picture(one.engine, asked), right) <= 2
    assert len(one.ran) == 8
    assert difference(picture(one.engine, changed), right_changed) <= 2
    improved(one.engine)
    assert difference(picture(one.engine, changed), right_changed) <= 2
    assert len(one.ran) > 8
    # The next start has it at once, on weights of its own.
    again = Compiled(tmp_path, folder, [lora])
    picture(again.engine, asked)
    improved(again.engine)
    ran = len(again.ran)
    assert difference(picture(again.engine, asked), right) <= 2
    assert len(again.ran) == ran + 8
    # Nobody keeps the weights of a model that is gone.
    gone: list[str] = []
    weakref.finalize(one.model.unet, gone.append, "unet")
    one.engine.close()
    again.engine.close()
    del one
    gc.collect()
    assert gone == ["unet"]
