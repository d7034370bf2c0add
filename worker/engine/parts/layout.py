"""How the weights of convolutions lie in memory."""

from typing import Any

import torch

HALF = (torch.float16, torch.bfloat16)


def lay_out(network: Any, device: torch.device) -> None:
    """Has the weights of convolutions lie channels last on a card, in half precision, as its matrix
    units take them: else each forward, compiled ones above all, would lay them out anew."""
    if device.type != "cuda":
        return
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d) and module.weight.dtype in HALF:
            weight = module.weight.detach().contiguous(memory_format=torch.channels_last)
            module.weight = torch.nn.Parameter(weight, requires_grad=False)
