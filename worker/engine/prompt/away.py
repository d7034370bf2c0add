"""Text encoders whose weights stay on disk until there is something new to read."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import torch

from worker.engine.ground.transfer import sent
from worker.engine.prompt.kept import KeptEmbeddings


class Away:
    """A text encoder's weights: read from disk by `restore` when they are needed, and dropped.

    `restore` makes the same model anew, with its weights on the CPU. What the encoder makes is
    kept in `kept`, under `name`, which another encoder's or another file's weights do not have.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        restore: Callable[[], torch.nn.Module],
        device: torch.device,
        kept: KeptEmbeddings,
        name: str,
    ) -> None:
        self._model = model
        self._restore = restore
        self._device = device
        self._kept = kept
        self._name = name
        self._here = True
        self.leave()

    @property
    def device(self) -> torch.device:
        """Where embeddings belong."""
        return self._device

    def is_of(self, model: Any) -> bool:
        """Whether these are the weights of `model`."""
        return model is self._model

    def bring(self) -> None:
        """The weights are on the device, read from disk where they were not."""
        if self._here:
            return
        fresh: Any = self._restore().to(self._device)
        own: Any = self._model
        modules = dict(fresh.named_modules())
        for path, module in own.named_modules():
            for name, tensor in [
                *modules[path].named_parameters(recurse=False),
                *modules[path].named_buffers(recurse=False),
            ]:
                setattr(module, name, tensor)
        self._here = True

    def leave(self) -> None:
        """Drops the weights; the model keeps their shapes."""
        if self._here:
            self._model.to("meta")
            self._here = False

    def remembered(self, asked: Hashable) -> Mapping[str, torch.Tensor] | None:
        """What the encoder made of this before, on the device."""
        found = self._kept.get(self._name, asked)
        return found and {name: sent(each, self._device) for name, each in found.items()}

    def remember(self, asked: Hashable, made: Mapping[str, torch.Tensor]) -> None:
        """Keeps what the encoder made of this."""
        self._kept.put(self._name, asked, made)
