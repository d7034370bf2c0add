"""Which compiler a network goes to."""

from __future__ import annotations

import json
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
from worker.engine.backends.openvino import OpenVino, version

with_openvino = pytest.mark.skipif(version() is None, reason="OpenVINO is an optional dependency")


def convolution() -> Network:
    return Network(torch.nn.Conv2d(3, 3, 3), run=lambda module, rows: module(rows))


def ask(backends: Backends, network: Network, side: int = 8) -> None:
    """One call of it, of one row."""
    with torch.no_grad(), backends.over([network]):
        network(torch.ones(1, 3, side, side))


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


class Sparing(OpenVino):
    """OpenVINO, of which a network has one compilation at a time."""

    def most(self, network: Network) -> int:
        return 1


@with_openvino
def test_what_is_not_asked_for_any_more_makes_room_for_another_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("worker.engine.backends.cabinet.WORTHWHILE", 1e9)
    backends = Backends([Sparing()], cabinet_in(tmp_path), lambda *_: True)
    network = convolution()

    def made() -> list[int]:
        backends.improve()
        return [course.sample.tensors[0].shape[2] for _, course in backends._all() if course.there]

    ask(backends, network, 8)
    until(lambda: made() == [8], 60)
    ask(backends, network, 16)
    for _ in range(50):
        assert made() == [8]
    for wait in ("UNUSED", "RESTING"):
        monkeypatch.setattr(f"worker.engine.backends.backends.{wait}", 0.0)
    for _, course in backends._all():
        course.resting = 0.0
    until(lambda: made() == [16], 60)
    # What was let go of lies on disk.
    ask(backends, network, 8)
    until(lambda: set(made()) == {8, 16}, 60)
    backends.close()


@with_openvino
def test_what_had_no_room_is_compiled_once_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("worker.engine.backends.cabinet.WORTHWHILE", 1e9)
    monkeypatch.setattr("worker.engine.backends.backends.RESTING", 0.2)
    free: list[bool] = []
    backends = Backends([OpenVino()], cabinet_in(tmp_path), lambda *_: bool(free))
    network = convolution()
    ask(backends, network)
    [(_, course)] = backends._all()

    def improved() -> bool:
        backends.improve()
        return bool(course.there)

    until(lambda: not improved() and course.looked, 60)
    assert not improved()
    free.append(True)
    until(improved, 60)
    backends.close()


@with_openvino
def test_what_was_slower_once_has_a_second_trial_and_no_third(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("worker.engine.backends.cabinet.WORTHWHILE", 0.0)
    backends = Backends([OpenVino()], cabinet_in(tmp_path), lambda *_: True)
    network = convolution()
    ask(backends, network)
    [(_, course)] = backends._all()

    def lost() -> bool:
        backends.improve()
        return bool(course.lost) and not course.untried

    until(lost, 60)
    assert not course.declined
    for _ in range(50):
        assert lost()
    course.lost = dict.fromkeys(course.lost, 0.0)

    def declined() -> bool:
        backends.improve()
        return bool(course.declined)

    until(declined, 60)
    assert course.declined == {1}
    backends.close()


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
    [kept] = (tmp_path / "compiled").iterdir()
    assert other.file("two") == kept
    assert kept.match("two.*.blob")


def test_what_lies_on_disk_otherwise_than_it_was_written_is_made_anew(tmp_path: Path):
    # A compiler reads other numbers as they are: pictures would be wrong from then on.
    cabinet = cabinet_in(tmp_path)
    for text in (b"weights of an earlier start", b"the weights"):
        cabinet.partial("one").write_bytes(text)
        cabinet.filed("one")
    kept = cabinet.file("one")
    assert kept is not None
    assert kept.read_bytes() == b"the weights"
    kept.write_bytes(b"the weighty")
    assert cabinet.file("one") is None
    assert not kept.exists()


@pytest.mark.parametrize("found", [None, 5, [], {}, {"eager": None, "compiled": "", "agreed": 1}])
def test_notes_that_are_none_say_nothing(tmp_path: Path, found: object):
    (tmp_path / "notes.json").write_text(json.dumps({"one": found}))
    assert cabinet_in(tmp_path).comparison("one") is None
