"""What `darkroom up` finds out about a machine before it starts anything."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from darkroom import machine
from darkroom.instance import AlreadyRunning, Instance, State, redis_url
from jobs.connection import without_password
from jobs.settings import Settings


def test_each_gpu_gets_a_worker_that_sees_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")

    assert machine.worker_devices(Settings()) == ["0", "3"]
    assert machine.worker_devices(Settings(workers=3)) == ["0", "3", "0"]


def test_a_machine_without_a_gpu_gets_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    assert machine.worker_devices(Settings()) == [None]
    assert machine.worker_devices(Settings(workers=2)) == [None, None]


def test_workers_on_the_cpu_hide_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")

    assert machine.worker_devices(Settings(device="cpu")) == [None]


def test_gpus_are_counted_by_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    assert machine.gpus() == ["0", "1"]


def test_a_broken_driver_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'has failed to communicate with the driver'; exit 9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    assert machine.gpus() == []


def test_a_port_in_use_is_told_with_its_holder() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        reason = machine.why_not_bindable("127.0.0.1", port)
        assert reason is not None
        assert reason.startswith(f"Port {port} on 127.0.0.1 is in use by ")
        assert f"process {os.getpid()}" in reason
    assert machine.why_not_bindable("127.0.0.1", port) is None


def test_an_address_of_another_machine_is_told() -> None:
    # 192.0.2.0/24 is reserved for documentation (RFC 5737): no machine has it.
    reason = machine.why_not_bindable("192.0.2.1", 7860)

    assert reason is not None
    assert "HOST=192.0.2.1 is not an address of this machine" in reason


@pytest.mark.parametrize(
    ("host", "there"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("localhost", "localhost"),
        ("::1", "[::1]"),
        ("127.0.0.2", "127.0.0.2"),
        # Beside one address of a network it listens on loopback, where its owner is known as such.
        ("192.0.2.9", "127.0.0.1"),
    ],
)
def test_the_url_leads_to_this_machine(host: str, there: str) -> None:
    assert machine.local_url(Settings(host=host, port=7861)) == f"http://{there}:7861"


def test_a_second_up_of_a_data_folder_hears_of_the_first(tmp_path: Path) -> None:
    first = Instance(tmp_path)
    first.tell(State(pid=1, url="http://127.0.0.1:7860", redis_url="redis://127.0.0.1:6380/0"))

    with pytest.raises(AlreadyRunning) as found:
        Instance(tmp_path)
    assert found.value.state is not None
    assert found.value.state.url == "http://127.0.0.1:7860"
    assert redis_url(Settings(data=tmp_path)) == "redis://127.0.0.1:6380/0"

    first.close()
    second = Instance(tmp_path)
    assert second.left_over is None
    second.close()


def test_what_a_killed_up_left_is_found_by_the_next(tmp_path: Path) -> None:
    left = State(pid=1, url="http://127.0.0.1:7860", workers=["a", "b"])
    (tmp_path / "up.json").write_text(left.model_dump_json())

    instance = Instance(tmp_path)

    assert instance.left_over == left
    instance.close()


def test_what_an_up_tells_is_for_its_owner_alone(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    instance.tell(State(pid=1, url="http://127.0.0.1:7860"))
    instance.tell(State(pid=1, url="http://127.0.0.1:7860"))
    assert (tmp_path / "up.json").stat().st_mode & 0o777 == 0o600
    instance.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://:SECRET@h/0", "redis://h/0"),
        ("rediss://u:SE:CR@ET@h:1/0?ssl_ca_certs=/a", "rediss://u@h:1/0?ssl_ca_certs=/a"),
        (
            "redis+sentinel://:SECRET@a:1,b:2/m/0?sentinel_password=SECRET",
            "redis+sentinel://a:1,b:2/m/0",
        ),
        ("unix:///run/redis.sock?password=SECRET&db=2", "unix:///run/redis.sock?db=2"),
    ],
)
def test_what_opens_a_redis_is_not_in_the_url_that_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
