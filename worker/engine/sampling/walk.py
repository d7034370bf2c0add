"""A walk as a table: what each of a schedule's steps makes of a picture, worked out beforehand.

Whatever the sampler, a step adds up multiples of a few tensors: of the latents, the prediction,
noise, and what it remembers of earlier steps. By how much is asked of diffusers' own scheduler once
for all pictures that walk alike: it is given ones and zeros in the place of pictures.
"""

import inspect
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch.overrides import TorchFunctionMode

MEMORY = 6
"""The most tensors that a sampler remembers: LMS and PNDM have four, SA-Solver four and five."""

NOISE, PREDICTION, LATENTS, REMEMBERED = 0, 1, 2, 3
"""The columns of a step's matrix; what is remembered is behind the latents there as in a state."""

INPUTS = REMEMBERED + MEMORY
OUTPUTS = 1 + MEMORY
TIMESTEP, SCALE, MATRIX = 0, 1, 2
"""Where a step's numbers stand in its row of a table."""

WIDTH = MATRIX + OUTPUTS * INPUTS

ONE = (INPUTS, 1, 1, 1)
"""The shape of what a scheduler is asked of: each row is one of the inputs, to itself 1."""


@dataclass(frozen=True)
class Line:
    """One step: its timestep as the network takes it, its `numbers` (WIDTH,) in fp32, and how many
    tensors it leaves to be remembered.

    `levels` are how much picture and how much noise latents have that are as noisy as before it.
    Where it `draws`, the noise is of variance 1, and between two times of a Brownian motion where
    it has such an `interval`.
    """

    timestep: float
    numbers: np.ndarray
    remembers: int
    levels: tuple[float, float]
    draws: bool = False
    interval: tuple[float, float] | None = None


Levels = Callable[[Any, int, torch.Tensor], tuple[float, float]]


def added(scheduler: Any, step: int, timestep: torch.Tensor) -> tuple[float, float]:
    """The levels that `add_noise` of diffusers' image-to-image and inpainting has at a timestep."""
    # Asked of two numbers on the CPU, so that the scheduler's tables stay there.
    signal, noise = scheduler.add_noise(
        torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), timestep.reshape(1)
    ).tolist()
    return signal, noise


class Walk:
    """The steps of one schedule, from `start` on: nobody's in particular, safe from any thread.

    Each is worked out when somebody comes to it for the first time. `timesteps` are those of the
    forwards, where they are not all of the scheduler's, `spread` the deviation that the scheduler
    takes latents to have. Raises ValueError for a scheduler that cuts off what lies beyond bounds.
    """

    def __init__(
        self,
        scheduler: Any,
        start: int = 0,
        *,
        timesteps: Sequence[torch.Tensor] | None = None,
        levels: Levels = added,
        spread: float = 1.0,
    ) -> None:
        known = inspect.signature(type(scheduler).__init__).parameters
        if any(scheduler.config[name] for name in ("clip_sample", "thresholding") if name in known):
            raise ValueError(f"{type(scheduler).__name__} does more than add up multiples.")
        self.scheduler = scheduler
        self.start = start * scheduler.order
        own = _timesteps(scheduler, self.start) if timesteps is None else list(timesteps)
        self._given = own
        self.timesteps = [float(each) for each in own]
        self._levels = levels
        self._spread = spread
        if hasattr(scheduler, "set_begin_index"):
            # Otherwise the first step looks its timestep up: of two equal ones, the second.
            scheduler.set_begin_index(self.start)
        self._noise = _Noise()
        self._options = _options(scheduler, self._noise)
        self._lines: list[Line] = []
        self._remembered: list[_Place] = []
        self._asking = threading.Lock()

    def __len__(self) -> int:
        return len(self._given)

    def __getitem__(self, step: int) -> Line:
        if step >= len(self._lines):
            with self._asking, torch.inference_mode():
                while step >= len(self._lines):
                    self._lines.append(self._ask(len(self._lines)))
        return self._lines[step]

    @property
    def brownian(self) -> tuple[float, float]:
        """The first and the last time of the Brownian motion that noise is drawn of."""
        sigmas: torch.Tensor = self.scheduler.sigmas
        return sigmas[sigmas > 0].min().item(), sigmas.max().item()

    def _ask(self, step: int) -> Line:
        scheduler, timestep = self.scheduler, self._given[step]
        levels = self._levels(scheduler, self.start + step, timestep)
        scale = 1.0
        # None of a flow has one.
        if hasattr(scheduler, "scale_model_input"):
            scale = float(scheduler.scale_model_input(torch.ones(1), timestep))
        for column, place in enumerate(self._remembered, REMEMBERED):
            place.put(_one(column))
        noise = self._noise
        noise.begin()
        with noise if "generator" in self._options else nullcontext():
            after = scheduler.step(
                _one(PREDICTION) * self._spread,
                timestep,
                _one(LATENTS) * self._spread,
                return_dict=False,
                **self._options,
            )[0]
        self._remembered = list(_places(scheduler))
        if noise.drawn > 1 or len(self._remembered) > MEMORY:
            raise RuntimeError(f"{type(scheduler).__name__} draws or remembers more than is known.")
        matrix = np.zeros((OUTPUTS, INPUTS), np.float32)
        matrix[0] = after.float().flatten().numpy() / self._spread
        for row, place in enumerate(self._remembered, 1):
            matrix[row] = place.value.float().flatten().numpy()
        numbers = np.concatenate([[float(timestep), scale], matrix.flatten()], dtype=np.float32)
        return Line(
            float(timestep),
            numbers,
            len(self._remembered),
            levels,
            draws=noise.drawn == 1,
            interval=noise.interval,
        )


class KeptWalks:
    """Walks by what they follow from, those that were asked for last: to lay one out takes 2 ms,
    and as much again to work out its steps."""

    MOST = 128

    def __init__(self) -> None:
        self._walks: OrderedDict[Hashable, Walk] = OrderedDict()
        self._at_rest = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Walk]) -> Walk:
        """That of the key; `make` makes it where it is not there, and may raise."""
        with self._at_rest:
            if key in self._walks:
                self._walks.move_to_end(key)
                return self._walks[key]
        made = make()
        with self._at_rest:
            walk = self._walks.setdefault(key, made)
            if len(self._walks) > self.MOST:
                self._walks.popitem(last=False)
        return walk


def written(config: Mapping[str, Any]) -> str:
    """A configuration as part of a key."""
    return json.dumps(dict(config), sort_keys=True, default=repr)


class _Noise(TorchFunctionMode):
    """Noise that a scheduler draws while it is asked: 1 where it stands for itself."""

    drawn: int
    interval: tuple[float, float] | None

    def begin(self) -> None:
        """Another step."""
        self.drawn, self.interval = 0, None

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.randn:
            self.drawn += 1
            return _one(NOISE)
        return func(*args, **(kwargs or {}))

    def between(self, time: torch.Tensor, then: torch.Tensor) -> torch.Tensor:
        """In the place of a `noise_sampler`, which draws of a Brownian motion."""
        self.drawn += 1
        self.interval = float(time), float(then)
        return _one(NOISE)


@dataclass(frozen=True)
class _Place:
    """Where a scheduler keeps a tensor."""

    holder: Any
    key: Any

    @property
    def value(self) -> torch.Tensor:
        return self.holder[self.key]

    def put(self, value: torch.Tensor) -> None:
        self.holder[self.key] = value


def _places(scheduler: Any) -> Iterator[_Place]:
    """Everything that a scheduler remembers of pictures, in an order of its own."""
    own = cast("dict[str, Any]", vars(scheduler))
    for name, value in own.items():
        if isinstance(value, SchedulerMixin):
            yield from _places(value)
        elif isinstance(value, list):
            several = cast("list[Any]", value)
            yield from (_Place(several, at) for at, each in enumerate(several) if _is_one(each))
        elif _is_one(value):
            yield _Place(own, name)


def _is_one(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.shape == ONE


def _one(column: int) -> torch.Tensor:
    one = torch.zeros(ONE)
    one[column] = 1
    return one


def _options(scheduler: Any, noise: _Noise) -> dict[str, Any]:
    """What `step` takes beside the usual."""
    if hasattr(scheduler, "noise_sampler"):
        scheduler.noise_sampler = noise.between
    draws = "generator" in inspect.signature(scheduler.step).parameters
    return {"generator": torch.Generator()} if draws else {}


def _timesteps(scheduler: Any, start: int) -> list[torch.Tensor]:
    """The timestep of each forward from `start` on, on the CPU."""
    timesteps = scheduler.timesteps[start:]
    if not hasattr(scheduler, "sigmas"):
        # Rounding may give a trailing spacing one step more, at -1: read as the noisiest.
        timesteps = timesteps[timesteps >= 0]
    return list(timesteps)
