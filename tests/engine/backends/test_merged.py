"""LoRAs that all rows have are merged into weights beside the network's own, which stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tests.engine.helpers import Shelf, difference, load, picture, tiny
from tests.tiny.parts import lora_entry, save_tiny_lora
from worker.engine import TOLERANCE, Backends, Cabinet, Engine
from worker.engine.request import Lora
from worker.models.loading.add_ons.add_ons import load_add_on

CPU = torch.device("cpu")


def test_a_network_runs_with_loras_without_adding_to_its_layers(tmp_path: Path, tiny_folder: Path):
    model: Any = load("tiny", tiny_folder)
    file = save_tiny_lora(tmp_path / "ink.safetensors", tiny_folder)
    ink = load_add_on("lora", lora_entry(file, "ink"), CPU, torch.float32)
    shelf = Shelf(model)
    shelf.add_ons = {("lora", "ink"): ink}
    own: list[int] = []
    model.unet.register_forward_hook(lambda *_: own.append(1))
    before = {name: each.clone() for name, each in model.unet.named_parameters()}
    weak, strong = (tiny(seed=4, steps=4, loras=(Lora("ink", weight),)) for weight in (0.4, 0.9))
    added = {each: picture(Engine(shelf), each) for each in (weak, strong)}
    cabinet = Cabinet(tmp_path / "compiled", tmp_path / "notes.json", 10**9)
    backends = Backends([], cabinet, lambda *_: True)
    engine = Engine(shelf, backends=backends)
    for asked in (weak, strong, weak):
        # Merged in the background, while the network's own layers have them added.
        merged = picture(engine, asked)
        for _ in range(50):
            own.clear()
            merged = picture(engine, asked)
            if not own:
                break
        assert not own
        assert difference(merged, added[asked]) <= TOLERANCE
    assert difference(added[weak], added[strong]) > TOLERANCE
    plain = picture(engine, replace(weak, loras=()))
    assert len(own) > 0
    assert difference(plain, added[weak]) > TOLERANCE
    assert all(torch.equal(each, before[name]) for name, each in model.unet.named_parameters())
    engine.close()
