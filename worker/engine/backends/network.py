"""A network of a model, which runs the plain way or by whatever was allowed to stand in for it."""

import copy
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from typing import Any, Protocol

import torch

from worker.engine.backends.weights import Weights


class StandIn(Protocol):
    """Runs a network another way."""

    def __call__(
        self, network: "Network", args: Sequence[Any], kwargs: dict[str, Any]
    ) -> torch.Tensor | None:
        """What the network makes of these arguments; None where only the network itself can."""
        ...


Run = Callable[..., torch.Tensor]

TRIES = 5
"""Times that a module is copied: another thread may hang something on one of its layers meanwhile,
and a dictionary that changes cannot be gone through."""


def predicted(module: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
    """The one tensor that diffusers' networks answer with."""
    return module(*args, **kwargs, return_dict=False)[0]


class Network:
    """A module whose calls have tensors of rows alone and answer with one tensor of them.

    `model` is the name of the model whose denoiser it is, `run` how it is called, and `make_plain`
    takes off what others hang on its layers; `aside` is one that runs beside others. Without
    `standing_in` a call is that of the module itself, hooks and all.
    """

    def __init__(
        self,
        module: Any,
        model: str = "",
        *,
        run: Run = predicted,
        make_plain: Callable[[], None] = lambda: None,
        aside: bool = False,
    ) -> None:
        self.module = module
        self.aside = aside
        self.model = model
        self.make_plain = make_plain
        self.run = run
        self._stand_in: StandIn | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        if self._stand_in is not None:
            answer = self._stand_in(self, args, kwargs)
            if answer is not None:
                return answer
        return self.eager(*args, **kwargs)

    @property
    def may_differ(self) -> bool:
        """Whether its calls may run another way than the plain one now."""
        return self._stand_in is not None

    def eager(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """The module's own answer."""
        return self.run(self.module, *args, **kwargs)

    def twin(
        self, weights: Mapping[str, torch.Tensor] | None = None, *, contiguous: bool = False
    ) -> Any:
        """The module again, on the same weights but for these, by their names, with none of its
        hooks and no part in what is done with it meanwhile; with `contiguous` weights that lie in
        memory in another order than their dimensions' are copies."""
        tensors = [*self.module.parameters(), *self.module.buffers()]
        own = {id(each): _contiguous(each) if contiguous else each for each in tensors}
        twin = _copied(self.module, own)
        for name, weight in (weights or {}).items():
            place, _, part = name.rpartition(".")
            laid_out = _contiguous(weight) if contiguous else weight
            changed = torch.nn.Parameter(laid_out, requires_grad=False)
            setattr(twin.get_submodule(place), part, changed)
        for module in twin.modules():
            module._forward_hooks.clear()
            module._forward_pre_hooks.clear()
            # By which transformers knows whether it has put its own there that note hidden states.
            module.__dict__.pop("_output_capturing_hooks_installed", None)
        return twin

    @property
    def dtype(self) -> torch.dtype:
        """That of the weights; of no weights float32."""
        return next((each.dtype for each in self.module.parameters()), torch.float32)

    @property
    def device(self) -> torch.device:
        """That of the weights; of no weights the CPU."""
        return next((each.device for each in self.module.parameters()), torch.device("cpu"))

    @cached_property
    def weights(self) -> Weights:
        """Its parameters and buffers, wherever they lie at any moment."""
        return Weights(self.module)

    def is_plain(self, dtypes: Sequence[torch.dtype]) -> bool:
        """Whether its weights are all on one device as numbers of these kinds, not packed or
        quantized."""
        return all(
            type(each) is torch.nn.Parameter
            and each.dtype in dtypes
            and each.device == self.device
            and each.layout == torch.strided
            for each in self.module.parameters()
        )

    @cached_property
    def bytes(self) -> int:
        """Memory that its weights take."""
        return sum(each.numel() * each.element_size() for each in self.module.parameters())

    @property
    def is_on_cpu(self) -> bool:
        """Whether its weights are in main memory."""
        return all(each.device.type == "cpu" for each in self.module.parameters())


def there(network: "weakref.ref[Network]") -> Network:
    """The network, which who runs it holds. Raises RuntimeError where nobody does any more."""
    found = network()
    if found is None:
        raise RuntimeError("the network is gone")
    return found


def _copied(module: Any, own: dict[int, torch.Tensor]) -> Any:
    for _ in range(TRIES - 1):
        with suppress(RuntimeError):
            return copy.deepcopy(module, dict(own))
    return copy.deepcopy(module, own)


def _contiguous(weight: torch.Tensor) -> torch.Tensor:
    if weight.is_contiguous():
        return weight
    copied = weight.detach().contiguous()
    if isinstance(weight, torch.nn.Parameter):
        return torch.nn.Parameter(copied, requires_grad=False)
    return copied


@contextmanager
def standing_in(networks: Sequence[Network], stand_in: StandIn) -> Iterator[None]:
    """Within it calls of the networks go to `stand_in` first."""
    with ExitStack() as after:
        for network in networks:
            after.callback(setattr, network, "_stand_in", None)
            network._stand_in = stand_in  # pyright: ignore[reportPrivateUsage]
        yield
