"""Recording a network as a CUDA graph, and what is left where that fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.pretended.accelerator.cuda import pretended_cuda
from tests.pretended.accelerator.device import Pretended
from worker.engine.backends.call import Call
from worker.engine.backends.network import Network
from worker.engine.backends.recorded import Plain, Recorded, Recorder

NUMBERS = 1024


@pytest.fixture
def device() -> Iterator[Pretended]:
    with pretended_cuda() as device:
        yield device


class Doubling(torch.nn.Module):
    """Asks the device for a number on its way, where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((NUMBERS,), 2.0), requires_grad=False)
        self.waits = False

    def forward(self, rows: torch.Tensor, *, return_dict: bool) -> tuple[torch.Tensor]:
        if self.waits and rows.sum().item() < 0:
            return (rows,)
        return (rows * self.weight,)


def network_and_call(*, aside: bool = False) -> tuple[Any, Network, Call]:
    module: Any = Doubling().to("cuda")
    rows = torch.ones(2, NUMBERS, device="cuda")
    call = Call.of((rows,), {})
    assert call is not None
    return module, Network(module, aside=aside), call


def prepared(recorder: Recorder, network: Network, call: Call) -> Recorded:
    recorded = recorder.over(Plain(network, 2), network)
    recorded.prepare(call, lambda _: True)
    return recorded


@torch.inference_mode()
def test_what_cannot_be_recorded_leaves_the_stream_and_the_next_one_is_recorded(device: Pretended):
    module, network, call = network_and_call()
    recorder, before = Recorder(), torch.cuda.current_stream()
    module.waits = True
    failed = prepared(recorder, network, call)
    assert torch.cuda.current_stream().number == before.number
    assert failed.run(call).cpu().eq(2).all()
    module.waits = False
    recorded = prepared(recorder, network, call)
    device.record.clear()
    answer = recorded.run(call)
    assert recorded._graph.replays == 1
    assert answer.cpu().eq(2).all()


@torch.inference_mode()
def test_the_memory_of_a_recording_counts_whatever_was_kept_before_it(device: Pretended):
    _, network, call = network_and_call()
    much = torch.empty(1 << 20, device="cuda")
    del much
    recorded = prepared(Recorder(), network, call)
    assert recorded.memory >= 2 * NUMBERS * 4


@torch.inference_mode()
def test_a_recording_that_is_dropped_while_it_runs_beside_others_keeps_its_memory_till_then(
    device: Pretended,
):
    _, network, call = network_and_call(aside=True)
    recorded, cuda = prepared(Recorder(), network, call), torch.cuda
    stream: Any = cuda.Stream(torch.device("cuda", 0))
    stream.wait_stream(cuda.current_stream())
    for each in call.tensors:
        each.record_stream(stream)
    device.record.clear()
    with cuda.stream(stream):
        answer = recorded.run(call)
    recorded.let_go()
    assert not device.record.mixes, device.record.mixes
    cuda.current_stream().wait_stream(stream)
    assert answer.cpu().eq(2).all()
