"""The pretended device itself finds what it is there to find."""

from __future__ import annotations

import threading

import pytest
import torch

from tests.pretended.accelerator.cuda import pretended_cuda
from tests.pretended.accelerator.device import OnDevice


def test_a_tensor_says_it_is_on_the_device_and_has_its_dtype_and_numbers():
    with pretended_cuda():
        made = torch.ones(2, device="cuda", dtype=torch.float16) + torch.tensor([1.0, 2.0]).cuda()
        assert isinstance(made, OnDevice)
        assert (str(made.device), made.dtype, made.is_cuda) == ("cuda:0", torch.float32, True)
        assert made.tolist() == [2.0, 3.0]
        with pytest.raises(TypeError, match="cuda"):
            made.numpy()
    assert not torch.cuda.is_available()


def test_lists_find_the_numbers_that_they_name():
    numbers = torch.arange(6.0).view(2, 3)
    with pretended_cuda():
        here = numbers.cuda()
        assert here[[1]].tolist() == numbers[[1]].tolist()
        assert here[:, [2, 0]].tolist() == numbers[:, [2, 0]].tolist()
        here[[0]] = 7
        assert here.tolist() == [[7.0, 7.0, 7.0], [3.0, 4.0, 5.0]]


def test_tensors_of_two_devices_or_dtypes_are_a_mix():
    with pretended_cuda(count=2) as device:
        here = torch.ones(2, 2, device="cuda:0")
        assert (here * torch.tensor(2.0)).tolist() == [[2.0, 2.0], [2.0, 2.0]]
        assert not device.record.mixes
        _ = here + torch.ones(2, 2)
        _ = here + torch.ones(2, 2, device="cuda:1")
        with pytest.raises(RuntimeError):
            _ = here.half() @ here
        assert [mix.what for mix in device.record.mixes] == [
            "aten::add with [(2, 2)] of the CPU",
            "aten::add of tensors on two devices",
            "aten::mm of torch.float16, torch.float32",
        ]


def test_each_place_where_the_host_waits_is_counted():
    with pretended_cuda() as device:
        here = torch.ones(3).to("cuda", non_blocking=True)
        here[1] = 5
        waits = device.record.waits
        assert not waits
        here.sum().item()
        here.cpu()
        here[here > 1]
        torch.tensor([1.0], device="cuda")
        large = torch.ones(100_000)
        large.to("cuda", non_blocking=True)
        assert [wait.what for wait in waits] == [
            "a number read",
            "a copy to the host",
            "aten::index by a mask",
            "a blocking copy to the device",
            "a copy to the device of memory that is not pinned",
        ]
        large.pin_memory().to("cuda", non_blocking=True)
        assert len(waits) == 5


def test_memory_is_taken_given_back_and_ends():
    with pretended_cuda(memory=4000) as device:
        here = torch.ones(500, device="cuda")
        view = here.view(5, 100)
        assert torch.cuda.memory_allocated() == 2000
        with pytest.raises(torch.OutOfMemoryError):
            torch.ones(600, device="cuda")
        del here
        assert torch.cuda.memory_allocated() == 2000
        del view
        assert torch.cuda.mem_get_info() == (4000, 4000)
        assert device.memory.peak[0] == 2000


def test_the_current_device_is_each_threads_own():
    found: list[str] = []

    def look() -> None:
        found.append(str(torch.ones(1, device="cuda").device))

    with pretended_cuda(count=2):
        torch.cuda.set_device(1)
        look()
        other = threading.Thread(target=look)
        other.start()
        other.join()
    assert found == ["cuda:1", "cuda:0"]


def test_a_stream_waits_for_what_it_uses_of_another():
    with pretended_cuda() as device:
        side, made = torch.cuda.Stream(), torch.ones(3, device="cuda")
        with torch.cuda.stream(side):
            _ = made + 1
        assert [mix.what for mix in device.record.mixes] == [
            "aten::add of what another stream may still write"
        ]
        device.record.clear()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            _ = made + 1
        assert not device.record.mixes
        made.add_(1)
        assert [mix.what for mix in device.record.mixes] == [
            "aten::add_ over what another stream may still use"
        ]


def test_memory_of_another_stream_is_kept_until_it_was_waited_for():
    with pretended_cuda() as device:
        side = torch.cuda.Stream()

        def read(made: torch.Tensor, recorded: bool) -> None:
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                _ = made + 1
            if recorded:
                made.record_stream(side)

        read(torch.ones(3, device="cuda"), recorded=True)
        assert not device.record.mixes
        read(torch.ones(3, device="cuda"), recorded=False)
        assert [mix.what for mix in device.record.mixes] == [
            "memory is given back that another stream may still use"
        ]


def test_a_graph_does_again_what_was_recorded_and_refuses_waits():
    with pretended_cuda():
        numbers, graph = torch.ones(3, device="cuda"), torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            answer = numbers * 2 + 1
        numbers.copy_(torch.arange(3.0, device="cuda"))
        graph.replay()
        assert answer.tolist() == [1.0, 3.0, 5.0]
        with (
            pytest.raises(RuntimeError, match="during capture"),
            torch.cuda.graph(torch.cuda.CUDAGraph(), capture_error_mode="thread_local"),
        ):
            numbers.sum().item()
