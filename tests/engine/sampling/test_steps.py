"""Steps of many pictures at once: each as it would be by itself, at no operation a picture."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.engine.helpers import Shelf, tiny
from tests.engine.sampling.test_walks import CONFIG, SHAPE, drawn, predicted
from worker.engine import Engine, UNetModel
from worker.engine.sampling.recipes import SAMPLERS
from worker.engine.sampling.sampler import Sampler, make_sampler
from worker.engine.sampling.steps import Stack, Steps, stacked

FORWARDS = 5


def fresh() -> list[Sampler]:
    """A picture of each sampler, at different steps of their walks."""
    return [
        make_sampler(name, CONFIG, FORWARDS + at % 3, seed=at) for at, name in enumerate(SAMPLERS)
    ]


def alone() -> list[torch.Tensor]:
    """What becomes of each by itself."""
    found: list[torch.Tensor] = []
    for at, sampler in enumerate(fresh()):
        latents, generator = sampler.begin(drawn(at)), torch.Generator().manual_seed(at)
        for _ in range(FORWARDS):
            answer = predicted(sampler.scale(latents), sampler.timestep)
            latents = sampler.step(answer, latents, generator)
        found.append(latents)
    return found


def together(exact: bool) -> list[torch.Tensor]:
    """What becomes of them in one stack."""
    samplers = fresh()
    generators = [torch.Generator().manual_seed(at) for at in range(len(samplers))]
    begun = [Stack(sampler.begin(drawn(at))[:, None]) for at, sampler in enumerate(samplers)]
    stack = stacked([(each, 0) for each in begun])
    for _ in range(FORWARDS):
        steps = Steps([sampler.line for sampler in samplers], torch.device("cpu"))
        scaled = steps.scaled(stack.states)
        answers = [
            predicted(scaled[at : at + 1], sampler.timestep) for at, sampler in enumerate(samplers)
        ]
        noise = torch.zeros(len(samplers), *SHAPE[1:])
        for at in steps.drawing:
            noise[at] = samplers[at].drawn(torch.Size(SHAPE), generators[at])[0]
        stack.states = steps.after(stack.states, torch.cat(answers), noise, exact=exact)
        for sampler in samplers:
            sampler.index += 1
    return [stack.latents(row) for row in range(len(samplers))]


@pytest.mark.parametrize("exact", [False, True])
def test_pictures_of_all_samplers_step_together_as_each_does_by_itself(exact: bool):
    for name, ours, theirs in zip(SAMPLERS, together(exact), alone(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=2e-5, msg=name)


class Counted(TorchDispatchMode):
    """Counts operations."""

    operations = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.operations += 1
        return func(*args, **(kwargs or {}))


def operations(model: UNetModel, pictures: int) -> int:
    """Those of the fifth step of so many pictures, of samplers in turn that draw no noise."""
    engine = Engine(Shelf(model))
    samplers = ["euler", "unipc", "lms", "dpmpp_2m", "heun", "pndm", "deis", "ddim"]
    for at in range(pictures):
        engine.add(str(at), tiny(sampler=samplers[at], steps=9, seed=at, guidance_scale=1.0))
    while engine.progress("0").step < 4 or engine.progress(str(pictures - 1)).step < 4:
        engine.step()
    with Counted() as counted:
        engine.step()
    assert engine.progress("0").step == 5
    return counted.operations


def test_a_step_takes_no_operation_more_for_eight_pictures_than_for_two(tiny_model: UNetModel):
    operations(tiny_model, 8)
    assert operations(tiny_model, 8) == operations(tiny_model, 2)
