"""A network as one function of tensors alone, which is what compilers read."""

from typing import Any

import torch

from worker.engine.backends.call import Call
from worker.engine.backends.network import Run


class Flat(torch.nn.Module):
    """The network of calls like `call`. `wide`: in float32 at both ends."""

    def __init__(self, module: Any, run: Run, call: Call, *, wide: bool = False) -> None:
        super().__init__()
        self.module = module
        self._call = call
        self._run = run
        self._wide = wide

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        like = self._call.tensors
        if self._wide:
            tensors = tuple(each.to(own.dtype) for each, own in zip(tensors, like, strict=True))
        args, kwargs = self._call.arguments(tensors)
        answer = self._run(self.module, *args, **kwargs)
        return answer.float() if self._wide else answer
