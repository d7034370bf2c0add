"""Child processes: what becomes of them, their children and their logs."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from darkroom.supervision.process import Process, rotate
from darkroom.supervision.supervisor import Service, Supervisor, describe
from jobs.machine_settings import REPOSITORY
from jobs.signals import GIVE_BACK

Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a shell script, or a command, and ends it after the test."""
    started: list[Process] = []

    def begin(script: str = "", command: list[str] | None = None) -> Process:
        process = Process(command or ["sh", "-c", script], log=tmp_path / "log")
        started.append(process)
        return process

    yield begin
    for process in started:
        process.stop(1)


def test_a_program_that_ignores_sigterm_is_killed_when_its_grace_is_over(start: Start) -> None:
    process = start("trap '' TERM; echo ready; while :; do sleep 0.1; done")
    _wait_for_log(process, "ready")

    assert process.stop(grace=0.3) == -signal.SIGKILL


def test_what_a_program_started_ends_with_it(start: Start) -> None:
    process = start("sleep 60 & echo $!; wait")
    child = psutil.Process(int(_wait_for_log(process, "\n")))

    process.stop(grace=5)

    assert _has_ended(child)


def test_a_program_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from darkroom.supervision.process import Process\n"
        "process = Process(['sleep', '60'], log=Path(sys.argv[1]))\n"
        "print(process.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "log")]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    with parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        # Until it has become the program, it does not yet end with its parent.
        while child.name() != "sleep":
            time.sleep(0.01)
        parent.kill()

    assert _has_ended(child)


def test_the_last_lines_are_of_this_run_alone(start: Start) -> None:
    start("echo earlier").stop(5)
    process = start("for i in 1 2 3; do echo line $i; done; echo bad >&2")
    _wait_for_log(process, "bad")

    assert process.last_lines(2) == "line 3\nbad"
    assert "earlier" not in process.last_lines(100)


def test_a_program_that_does_not_exist_says_so_in_its_log(start: Start) -> None:
    process = start(command=["no-such-program"])

    assert "no-such-program cannot be started" in _wait_for_log(process, "\n")


def test_a_large_log_is_moved_and_the_next_record_begins_a_new_one(
    start: Start, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    script = (
        "import logging; from jobs import logs; logs.set_up('x')\n"
        f"logging.info('before'); open('{tmp_path}/pipe').read(); logging.info('after')"
    )
    process = start(command=[sys.executable, "-c", script])
    _wait_for_log(process, "before")
    rotate(process.log, size=3)
    assert not process.log.exists()
    (tmp_path / "pipe").write_text("go\n")
    process.wait(10)

    assert process.last_lines().endswith("after")
    assert "before" not in process.log.read_text()
    assert "before" in process.log.with_name("log.1").read_text()


@pytest.mark.slow
def test_moving_a_log_under_load_loses_no_line(start: Start) -> None:
    script = (
        "import logging; from jobs import logs; logs.set_up('x')\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def some(first):\n"
        "    for number in range(first, first + 5000): logging.info('line %d.', number)\n"
        "with ThreadPoolExecutor(4) as pool: list(pool.map(some, range(0, 40000, 5000)))\n"
        "print('said by itself')"
    )
    process = start(command=[sys.executable, "-c", script])
    moved = 0
    while process.exit_code() is None:
        if moved < 5 and process.log.exists() and process.log.stat().st_size > 200_000:
            rotate(process.log, size=1, kept=5)
            moved += 1
    assert moved == 5
    files = [process.log, *(process.log.with_name(f"log.{number}") for number in range(1, 6))]
    lines = "".join(file.read_text() for file in files).splitlines()
    numbers = [line.rpartition(" ")[2] for line in lines if "line" in line]
    assert sorted(numbers) == sorted(f"{number}." for number in range(40_000))
    assert "said by itself" in lines


def test_a_service_comes_back_at_once_the_first_time_and_later_after_a_while(
    start: Start,
) -> None:
    heard: list[str] = []
    service = Service("thing", lambda: start("exit 3"), grace=1)

    def end_of_run() -> None:
        while service.process and service.process.exit_code() is None:
            time.sleep(0.01)
        service.tend(heard.append)

    service.tend(heard.append)
    end_of_run()
    assert service.process is not None
    end_of_run()

    assert service.process is None
    assert heard == [
        "Thing ended (exit code 3); starting it again now.",
        "Thing ended (exit code 3); starting it again in 1 s.",
    ]


def test_a_service_that_cannot_be_started_is_tried_again_later(tmp_path: Path) -> None:
    heard: list[str] = []
    (tmp_path / "file").touch()
    service = Service("thing", lambda: Process(["true"], log=tmp_path / "file" / "log"), grace=1)
    service.tend(heard.append)
    service.tend(heard.append)

    assert len(heard) == 1
    assert "Thing cannot be started" in heard[0]


def test_exit_codes_are_told_in_words() -> None:
    assert describe(1) == "exit code 1"
    assert describe(-9) == "killed by SIGKILL"


def test_a_second_ctrl_c_is_counted_however_busy_and_said_in_another_way(start: Start) -> None:
    said: list[str] = []
    script = "trap 'echo finishing' TERM; trap 'exit 0' USR1; echo up; while :; do sleep 0.05; done"

    def press() -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)

    with Supervisor(said.append) as supervisor:
        worker = Service("worker", lambda: start(script), None, hurry=GIVE_BACK)
        supervisor.stages.append([worker])
        supervisor.tend(0)
        assert worker.process
        _wait_for_log(worker.process, "up")
        keys = threading.Thread(target=press)
        keys.start()
        while keys.is_alive():
            hashlib.pbkdf2_hmac("sha256", b"", b"", 300_000)  # in C, where no handler runs
        assert supervisor.stops == 2
    assert supervisor.stages == []
    assert any("Leaving them" in each for each in said)


def _wait_for_log(process: Process, text: str) -> str:
    deadline = time.monotonic() + 10
    while text not in (found := process.log.read_text()):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found


def _has_ended(process: psutil.Process) -> bool:
    """Within five seconds; a zombie that nobody has waited for yet has ended, too."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False
