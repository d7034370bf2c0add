"""One training on several processes: each takes its share of the batch.

Either the gradients are averaged in every step, or the weights every so many steps (local SGD,
Stich 2019, arXiv:1805.09767), which loses less time where other work keeps a process waiting.

`python -m torch.distributed.run --standalone --nproc-per-node 2 -m models.recipe` starts two. On a
CPU that others use too, two processes of one thread are worth more than one process of two threads:
they wait for each other once a step, not once an operation. Alone, every function here does
nothing.
"""

import os
from collections.abc import Iterable
from datetime import timedelta

import torch
from torch import distributed, nn


def join() -> None:
    """Meet the other processes of this training, if it was started with any."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        # A process that the machine holds up for long is no failure.
        distributed.init_process_group("gloo", timeout=timedelta(hours=12))


def rank() -> int:
    """Which process this is; 0 is the one that writes files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def size() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Give every process the mean of all processes' gradients."""
    if size() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    everything = torch.cat([g.flatten() for g in gradients])
    distributed.all_reduce(everything)
    everything /= size()
    start = 0
    for gradient in gradients:
        part = everything[start : start + gradient.numel()]
        gradient.copy_(part.view(gradient.shape))
        start += gradient.numel()


def average_weights(parameters: Iterable[nn.Parameter]) -> None:
    """Give every process the mean of all processes' weights."""
    if size() == 1:
        return
    everything = [p.data for p in parameters]
    flat = torch.cat([p.flatten() for p in everything])
    distributed.all_reduce(flat)
    for part, mean in zip(
        everything, (flat / size()).split([p.numel() for p in everything]), strict=True
    ):
        part.copy_(mean.view(part.shape))


def agree(used: float, stop: bool) -> tuple[float, bool]:
    """What process 0 says of the budget and of stopping: all must leave at the same step."""
    if size() == 1:
        return used, stop
    said = torch.tensor([used, float(stop)], dtype=torch.float64)
    distributed.broadcast(said, src=0)
    return said[0].item(), bool(said[1].item())


def wait_for_all() -> None:
    """Return when every process has come here: what process 0 wrote before can be read."""
    if size() > 1:
        distributed.barrier()
