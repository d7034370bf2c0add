"""What a comparison under load rests on: the same requests for all, and figures that add up."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.beside.bare import Held
from benchmarks.beside.sides import said
from benchmarks.beside.work import GUIDANCE, Work
from benchmarks.ceilings import ON_CPU
from benchmarks.load.arms import Counter
from benchmarks.load.figures import between, compared, summary
from benchmarks.load.loops import Served
from benchmarks.load.requests import MIXES, Asked
from benchmarks.server.told import BUSY, COMPILED, PADDED, ROWS
from tests.tiny.model import save_tiny_model
from tests.tiny.parts import save_tiny_lora


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("bench") / "tiny")


@pytest.mark.parametrize("name", MIXES)
def test_a_mix_asks_every_arm_for_the_same_and_for_nothing_that_is_not_known_before(name: str):
    mix = MIXES[name]
    every = mix.some(200)
    assert every == mix.some(200)
    assert {each.alike for each in every} == set(mix.kinds())


def test_mixes_have_none_one_and_two_loras_other_models_and_callers_of_their_own():
    assert {len(each.loras) for each in MIXES["loras"].some(100)} == {0, 1, 2}
    assert len({each.model for each in MIXES["families"].some(100)}) == 3
    assert {(each.caller, each.steps) for each in MIXES["callers"].some(100)} == {
        ("many", 50),
        ("few", 20),
        ("quick", 4),
    }


def test_a_call_of_diffusers_is_for_those_alone_who_want_the_same_whoever_asks():
    calls: list[Sequence[Asked]] = []
    go, both = Event(), Event()

    def serve(every: Sequence[Asked]) -> None:
        go.wait(10)
        calls.append(every)
        if sum(map(len, calls)) == 4:
            both.set()

    plain = Asked(20, 128, "pndm", caller="anna")
    worn = Asked(20, 128, "pndm", loras=(("ink", 1.0),))
    counter = Counter(serve, 16)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(counter.ask, worn)]
        while counter.waiting or not waiting[0].running():
            pass
        waiting += [pool.submit(counter.ask, each) for each in (plain, worn, plain.alike)]
        while counter.waiting < 3:
            pass
        go.set()
        assert both.wait(10)
    assert sorted(len(each) for each in calls) == [1, 1, 2]
    assert all(len({asked.alike for asked in each}) == 1 for each in calls)


def test_goodput_counts_what_came_in_time_and_callers_are_told_apart():
    anna, bert = (Asked(4, 128, "pndm", caller=name) for name in ("anna", "bert"))
    served = [Served(anna, 0.0, 1.0), Served(anna, 1.0, 2.0), Served(bert, 2.0, 6.0)]
    found = summary(served, {anna.alike: 1.0})
    assert found["a_second"] == 0.375
    assert found["in_time"] == 0.67
    assert (found["p95 of anna"], found["p95 of bert"]) == (2.0, 6.0)


@pytest.mark.parametrize(
    ("ours", "others", "told"),
    [
        ([2.0, 3.0, 4.0], [1.0, 1.0, 1.0], "3.00 (2.00 to 4.00)"),
        ([0.9, 1.2], [1.0, 1.0], "not resolved (0.90 to 1.20)"),
        ([2.0], [1.0], "not resolved (2.00 to 2.00)"),
    ],
)
def test_a_ratio_that_rounds_do_not_bear_out_is_told_as_not_resolved(
    ours: list[float], others: list[float], told: str
):
    assert compared(ours, others) == told
    assert said([(each, 0.0) for each in ours], [(each, 0.0) for each in others], 0) == told


def test_padding_is_what_was_filled_up_of_all_rows_that_were_computed():
    before = {BUSY: 1.0, f"{ROWS}_count": 10.0, f"{ROWS}_sum": 20.0}
    after = {BUSY: 2.5, f"{ROWS}_count": 14.0, f"{ROWS}_sum": 32.0, f"{PADDED}_total": 4.0}
    found = between(before, after | {f"{COMPILED}_total": 1.0}, 2.0)
    assert found == {
        "device_share": 0.75,
        "rows_a_forward": 3.0,
        "padding_percent": 25.0,
        "compiled_share": 0.25,
    }


def test_operations_of_a_picture_follow_from_those_of_a_few_steps(tiny: Path):
    work = Work(tiny)
    with FlopCounterMode(display=False, custom_mapping=ON_CPU) as counter:
        work.pipeline("red", num_inference_steps=5, guidance_scale=GUIDANCE, height=16, width=16)
    assert work.picture(5, 16, "pndm") == counter.get_total_flops()


# peft says so of whoever holds several, which is what is wanted.
@pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
def test_loras_act_in_the_calls_that_ask_for_them_and_in_no_others(tiny: Path, tmp_path: Path):
    files = [str(save_tiny_lora(tmp_path / f"{n}.safetensors", tiny, seed=n)) for n in range(2)]
    held = Held(str(tiny), None)
    asked = {"count": 1, "prompt": "red", "steps": 2, "guidance": 4.0}

    def made(*loras: tuple[str, float]) -> np.ndarray:
        return held.make(asked | {"loras": loras})

    plain, one = made(), made((files[0], 1.0))
    both = made((files[0], 1.0), (files[1], 0.5))
    assert np.abs(one - plain).max() > 0.01
    assert np.abs(both - one).max() > 0.01
    assert np.array_equal(made(), plain)
    assert np.array_equal(made((files[0], 1.0)), one)
