"""Which compiler a network goes to."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from tests.engine.helpers import Shelf, load, picture, tiny
from tests.running.waiting import until
from worker.engine import Backends, Cabinet, Engine
from worker.engine.backends.backends import KINDS
from worker.engine.backends.inductor.inductor import Inductor
from worker.engine.backends.inductor.toolchain import missing
from worker.engine.backends.network import Network
from worker.engine.backends.openvino import OpenVino


def cabinet_in(folder: Path) -> Cabinet:
    return Cabinet(folder / "compiled", folder / "notes.json", 10**9)


@pytest.mark.skipif(missing("cpu") is not None, reason="there is no C++ compiler")
def test_where_one_compiler_fails_it_is_the_next_ones_turn(
    tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    cabinet = cabinet_in(tmp_path)
    inductor = Inductor(tmp_path / "compiled", ("cpu",))
    backends = Backends([inductor, OpenVino()], cabinet, lambda *_: True)
    engine = Engine(Shelf(load("tiny", tiny_folder)), backends=backends)
    picture(engine, tiny(steps=4))
    [course, *_] = [course for _, course in backends._all()]
    assert course.compiler is inductor

    def turned() -> bool:
        if course.compiler is inductor:
            engine.improve()
        return course.compiler is not inductor

    until(turned, 60)
    assert course.compiler is not None
    assert course.compiler.name == "openvino"
    assert not course.declined
    engine.close()
    assert not list((tmp_path / "compiled").glob("inductor-*"))


class Unwilling:
    """A compiler that serves no network."""

    def serves(self, network: Network) -> bool:
        return False


def test_of_a_network_that_is_asked_for_ever_other_sizes_the_last_are_remembered(tmp_path: Path):
    backends = Backends([cast(Any, Unwilling())], cabinet_in(tmp_path), lambda *_: True)
    network = Network(torch.nn.Identity(), run=lambda module, rows: module(rows))
    with backends.over([network]):
        for side in range(1, KINDS + 50):
            network(torch.ones(2, side))
            network(torch.ones(2, 1))
    kept = [course.sample.tensors[0].shape[1] for _, course in backends._all()]
    assert len(kept) == KINDS
    assert kept[-2:] == [KINDS + 49, 1]


def test_what_could_not_be_kept_whole_leaves_nothing_behind(tmp_path: Path):
    cabinet = cabinet_in(tmp_path)
    cabinet.partial("one").write_bytes(b"half of it")
    cabinet.failed("one")
    assert not list((tmp_path / "compiled").iterdir())
    left = tmp_path / "compiled" / "three.12.part"
    left.write_bytes(b"of a worker that was killed")
    os.utime(left, (0, 0))
    # Workers in two containers may have one number, and write the same.
    other = cabinet_in(tmp_path)
    assert other.partial("two") != cabinet.partial("two")
    other.partial("two").write_bytes(b"whole")
    other.filed("two")
    assert [each.name for each in (tmp_path / "compiled").iterdir()] == ["two.blob"]
