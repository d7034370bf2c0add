"""What a share of the machine's best is worked out from."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from benchmarks.ceilings import Ceilings, achieved, ceilings, flops
from tests.pretended.accelerator.cuda import pretended_cuda

ROWS, PLACES, WIDTH = 3, 16, 8


class Looks(nn.Module):
    """A product, a convolution and an attention; `asks` what it is given for a number, as some
    networks do."""

    def __init__(self, *, asks: bool) -> None:
        super().__init__()
        self.asks = asks
        self.product = nn.Linear(WIDTH, WIDTH, bias=False)
        self.convolution = nn.Conv1d(WIDTH, WIDTH, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.asks and x.sum().item() > 1e9:
            raise AssertionError
        x = self.product(x)
        heads = x[:, None]
        x = functional.scaled_dot_product_attention(heads, heads, heads)[:, 0]
        return self.convolution(x.transpose(1, 2))


@pytest.mark.parametrize("asks", [False, True])
def test_the_operations_of_a_forward_are_counted_whether_or_not_it_has_to_run(asks: bool) -> None:
    one = 2 * ROWS * PLACES * WIDTH * WIDTH
    attention = 2 * 2 * ROWS * PLACES * PLACES * WIDTH
    assert flops(Looks(asks=asks), torch.ones(ROWS, PLACES, WIDTH)) == one + attention + 3 * one


def test_a_share_is_of_the_best_product_of_this_machine() -> None:
    best = Ceilings("cpu", "float32", 2e12, 64, None, 1e9, None, 2)
    assert achieved(5e11, 0.5, best) == {"tflops": 1.0, "share_of_gemm": 0.5}


def test_ceilings_are_measured_on_a_processor_and_by_the_events_of_a_card() -> None:
    here = ceilings(torch.device("cpu"), torch.float32, sides=(32, 64), copied=4096, seconds=0.01)
    assert here.gemm_flops > 0
    assert here.copy_bytes > 0
    assert here.host_to_device_bytes is None
    with pretended_cuda():
        card = ceilings(torch.device("cuda"), torch.float32, sides=(32, 64), copied=4096)
    # Its events are ten milliseconds apart, always.
    assert card.gemm_side == 64
    assert card.gemm_flops == pytest.approx(2 * 64**3 / 0.01)
    assert card.copy_bytes == pytest.approx(2 * 4096 / 0.01)
    assert card.host_to_device_bytes == pytest.approx(1024 / 0.01)
    assert card.tf32 is False
