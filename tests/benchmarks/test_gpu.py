"""What `benchmarks/gpu.sh` does where something goes wrong, and each part to its end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from benchmarks.gpu import ends, smoke, speed
from benchmarks.gpu.arms.child import Child, TookTooLong
from benchmarks.gpu.arms.goals import goals, said
from benchmarks.gpu.arms.open_loop import Served, by_steps, poisson, slowdown
from benchmarks.gpu.card import Card
from benchmarks.gpu.report import Report
from benchmarks.plots import card as plots
from tests.running.waiting import until

SIDES = {"sd1": 512, "sdxl": 1024}


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return Report(Card("one", lambda: 0, lambda: None), tmp_path / "found.json", 60)


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Child]:
    child = Child("tests.benchmarks.echo", [], tmp_path / "echo.log")
    try:
        child.ready(30)
        yield child
    finally:
        child.close()


def test_what_fails_is_said_and_what_comes_after_it_is_done(report: Report, tmp_path: Path) -> None:
    def fails() -> None:
        raise ValueError("a plug is loose")

    def full() -> None:
        raise torch.OutOfMemoryError

    def slow() -> None:
        raise TookTooLong("not within 3 s")

    assert not report.attempt("first", fails)
    assert not report.attempt("second", full)
    assert not report.attempt("third", lambda: None, needs=1000)
    assert not report.attempt("slow", slow)
    assert report.attempt("fourth", lambda: report.keep("sd1", "512", value=[1]))
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["card"] == "one"
    assert found["sd1"] == {"512": [1]}
    assert found["not_measured"] == {
        "first": "ValueError: a plug is loose",
        "second": "no room",
        "third": "no time",
        "slow": "not within 3 s",
    }
    assert report.errors == ["first"]

    again = Report(report.card, tmp_path / "found.json", 60, more=True)
    assert again.attempt("third", lambda: again.keep("sd1", "768", value=[2]))
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["sd1"] == {"512": [1], "768": [2]}
    assert not again.errors
    other = Report(Card("two", lambda: 0, lambda: None), tmp_path / "found.json", 60, more=True)
    assert "sd1" not in other.result


def test_a_program_that_does_not_answer_in_time_is_ended_and_one_that_fails_says_why(
    echo: Child, tmp_path: Path
) -> None:
    assert echo.ask(30, count=1) == {"count": 1}
    with pytest.raises(RuntimeError, match="no such model"):
        echo.ask(30, error="no such model")
    with pytest.raises(MemoryError):
        echo.ask(30, error="no room on the card")
    with pytest.raises(TookTooLong):
        echo.ask(0.05, sleep=60)
    with pytest.raises(RuntimeError, match=r"echo ended"):
        echo.ask(30, count=1)
    failing = Child("tests.benchmarks.echo", [], tmp_path / "failing.log")
    failing.ready(30)
    with pytest.raises(RuntimeError, match="echo ended: the card is gone"):
        failing.ask(30, end="the card is gone")
    failing.close()


def _arm(rate: float, share: float, spread: float = 0.0, rounds: int = 3) -> dict[str, Any]:
    took = [(1 - spread) / rate, (1 + spread) / rate]
    return {
        "pictures_a_second": rate,
        "share_of_gemm": share,
        "from_to": took,
        "rounds": rounds,
    }


def test_a_goal_whose_rounds_do_not_tell_has_no_number() -> None:
    def of_e(many: dict[str, Any]) -> dict[str, Any]:
        arms = {"sd1 512": {"E": _arm(1, 0.1), "ours 32": many}}
        return goals({"arms": arms}, SIDES)[0]

    noisy, once = of_e(_arm(4.1, 0.3, spread=0.1)), of_e(_arm(9, 0.3, rounds=1))
    assert [(each["is"], each["met"]) for each in (noisy, once)] == [(None, None)] * 2
    assert said(noisy).startswith("not resolved  SD 1.5, 32 callers")
    assert "3.727 to 4.556" in said(noisy)
    assert of_e(_arm(4.1, 0.3))["is"] == 4.1


def test_where_figures_cannot_be_put_is_said_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("{")
    for out, why in (("file/speed.json", "cannot be written"), (".", "it is a folder")):
        with pytest.raises(SystemExit):
            speed.main(["--out", str(tmp_path / out)])
        assert why in capsys.readouterr().err
    # One that is broken is no reason to measure nothing.
    card = Card("one", lambda: 0, lambda: None)
    assert Report(card, tmp_path / "file", 60, more=True).result["card"] == "one"


def test_each_goal_is_met_or_not_or_not_measured() -> None:
    measured: dict[str, Any] = {
        "arms": {"sd1 512": {"E": _arm(1, 0.1), "ours 1": _arm(1, 0.1), "ours 32": _arm(5, 0.39)}},
        "mixed": {"sd1 512": {"times_as_long_as_alone": {"p50": 1.2, "p95": 2.4}}},
    }
    found = goals(measured, SIDES)
    assert [(each["is"], each["met"]) for each in found] == [
        (5, True),
        (None, None),
        (0.39, False),
        (1, True),
        (None, None),
        (2.4, True),
    ]
    lines = [said(each) for each in found]
    assert [line.split("  ")[0] for line in lines[:3]] == ["met", "not measured", "NOT MET"]


def test_a_picture_that_waited_is_judged_by_one_alone_of_as_many_steps() -> None:
    alone = {4: 1.0, 50: 10.0}
    served = [Served(4, 0, 1.5), Served(50, 0, 11.0), Served(4, 1, 4.0)]
    assert slowdown(served, alone) == {"p50": 1.5, "p95": 4.0}
    assert by_steps(served, alone)["50"] == {"p50": 1.1, "p95": 1.1}
    times = poisson(4000, 2.0, seed=0)
    assert times == sorted(times)
    assert len(times) / times[-1] == pytest.approx(2.0, rel=0.1)


KILLED = """
import os, sys
from pathlib import Path
from benchmarks.gpu.arms.child import Child
child = Child("tests.benchmarks.echo", [], Path(sys.argv[1]))
child.ready(30)
child._send({"sleep": 60})
print(child._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="others have no signal for that")
def test_a_program_ends_with_the_run_that_began_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "log")]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    assert said.returncode == -9

    def gone() -> bool:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(int(said.stdout)).status() == psutil.STATUS_ZOMBIE
        return True

    until(gone, 10)


@pytest.mark.slow
def test_smoke_runs_to_its_end(tmp_path: Path) -> None:
    out = tmp_path / "smoke.json"
    assert smoke.main(["--only", "sd1", "--out", str(out)]) == 0
    family = json.loads(out.read_text())["families"][0]
    assert family["said"] == ""
    assert family["levels"] <= 2


@pytest.mark.slow
def test_speed_runs_to_its_end_though_nothing_is_compiled_in_time(tmp_path: Path) -> None:
    out = tmp_path / "speed.json"
    options = ["--rounds", "1", "--compile-seconds", "1", "--improve-seconds", "5"]
    assert speed.main([*options, "--seconds", "600", "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert list(found["not_measured"]) == ["K"]
    assert "not compiled within 1 s" in found["not_measured"]["K"]
    assert found["forwards"].keys() == {"sd1", "sdxl", "sd3"}
    for name in ("sd1 32", "sdxl 32"):
        arms = found["arms"][name]
        assert {"E", "B 2", "ours 1", "ours 2", "prepared"} <= arms.keys()
        assert arms["ours 2"]["rows_a_forward"] > 2
        assert arms["levels_apart"]["mean"] < 2
    mixed = found["mixed"]["sd1 32"]
    assert mixed["alone_s"].keys() == {"4", "20", "50"}
    assert mixed["times_as_long_as_alone"]["p95"] > 0
    assert len(found["goals"]) == 6
    for draw in (plots.arms, plots.forwards("sd3")):
        assert draw(found).startswith("<svg")


@pytest.mark.slow
def test_ends_runs_to_its_end(tmp_path: Path) -> None:
    out = tmp_path / "ends.json"
    assert ends.main(["--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert "not_measured" not in found
    for side in ("32", "64"):
        assert [each["rows"] for each in found[side]["decoder"]] == [1, 2]
        assert [each["decodes"] for each in found[side]["engine"]] == [1, 2]
        shares = {"decode", "decode_in_the_engine", "preview", "png", "webp"}
        assert found[side]["share_of_a_picture"].keys() == shares
    assert plots.ends(found).startswith("<svg")
