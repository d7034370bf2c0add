"""Which compiler a network goes to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.engine.helpers import Shelf, load, picture, tiny
from tests.running.waiting import until
from worker.engine import Backends, Cabinet, Engine
from worker.engine.backends.inductor.inductor import Inductor
from worker.engine.backends.inductor.toolchain import missing
from worker.engine.backends.openvino import OpenVino


@pytest.mark.skipif(missing("cpu") is not None, reason="there is no C++ compiler")
def test_where_one_compiler_fails_it_is_the_next_ones_turn(
    tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    cabinet = Cabinet(tmp_path / "compiled", tmp_path / "notes.json", 10**9)
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
