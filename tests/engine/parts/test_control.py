from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.controlnet.pipeline_controlnet import StableDiffusionControlNetPipeline
from diffusers.pipelines.controlnet.pipeline_controlnet_sd_xl import (
    StableDiffusionXLControlNetPipeline,
)
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from PIL import Image

from tests.engine.helpers import Shelf, difference, open_pipeline, picture, pictures, tiny
from tests.tiny.models import save_tiny
from tests.tiny.parts import controlnet_entry, save_tiny_controlnet
from worker.engine import Engine, ImageRequest, UNetModel
from worker.engine.parts.control import (
    ControlRows,
    LoadedControlNet,
    control_tensor,
    residuals,
    weight_at,
)
from worker.engine.parts.emphasis import Emphasis
from worker.engine.request import Control
from worker.models.loading.add_ons.add_ons import load_add_on
from worker.models.loading.loader import load_model
from worker.models.tables import ModelEntry

CPU = torch.device("cpu")
STEPS = 5
SCALE = 4.0
PICTURE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
OTHER = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def nets(
    tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path
) -> dict[str, LoadedControlNet]:
    """Two ControlNets, and one that speaks to the prompt's rows only, as `shuffle` does."""
    folder = tmp_path_factory.mktemp("nets")
    configs: dict[str, dict[str, Any]] = {
        "edges": {},
        "depth": {"controlnet_conditioning_channel_order": "bgr"},
        "shuffle": {"global_pool_conditions": True},
    }
    return {
        name: load_add_on(
            "controlnet",
            controlnet_entry(
                save_tiny_controlnet(folder / name, tiny_folder, seed, **config), name
            ),
            CPU,
            torch.float32,
        )
        for seed, (name, config) in enumerate(configs.items())
    }


def stock(
    folder: Path,
    nets: dict[str, LoadedControlNet],
    controls: Sequence[Control],
    output_type: str = "latent",
) -> Any:
    """The latents that diffusers' own pipeline ends at, or its picture."""
    parts = open_pipeline(folder).components
    chosen = [nets[control.name].net for control in controls]
    alone = len(controls) == 1
    pipeline = StableDiffusionControlNetPipeline(
        **{
            **parts,
            "controlnet": chosen[0] if alone else chosen,
            "scheduler": DDIMScheduler.from_config(parts["scheduler"].config, clip_sample=False),
        },
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    images = [Image.fromarray(control.image) for control in controls]
    weights = [control.weight for control in controls]
    return pipeline(
        "a red apple",
        image=images[0] if alone else images,
        negative_prompt="flat",
        num_inference_steps=STEPS,
        guidance_scale=SCALE,
        latents=start(),
        controlnet_conditioning_scale=weights[0] if alone else weights,
        control_guidance_start=[control.start for control in controls],
        control_guidance_end=[control.end for control in controls],
        output_type=output_type,
    ).images


@torch.no_grad()
def ours(folder: Path, nets: dict[str, LoadedControlNet], controls: Sequence[Control]) -> Any:
    """The same walk with our residuals: guidance as two rows, each with its own weights."""
    pipeline: Any = open_pipeline(folder)
    prompt, negative = pipeline.encode_prompt("a red apple", CPU, 1, True, "flat")
    text = torch.cat([negative, prompt])
    scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
    scheduler.set_timesteps(STEPS)
    latents = start()
    for index, timestep in enumerate(scheduler.timesteps):
        rows = torch.cat([latents, latents])
        timesteps = timestep.float().expand(2)
        steering = residuals(
            rows,
            timesteps,
            text,
            [
                ControlRows(
                    nets[control.name],
                    range(2),
                    control_tensor(control.image).expand(2, -1, -1, -1),
                    balanced(both(nets[control.name], weight_at(control, index, STEPS))),
                )
                for control in controls
            ],
        )
        without, towards = pipeline.unet(rows, timesteps, text, **steering, return_dict=False)[
            0
        ].chunk(2)
        noise = without + SCALE * (towards - without)
        latents = scheduler.step(noise, timestep, latents, return_dict=False)[0]
    return latents


def balanced(weights: Sequence[float]) -> Emphasis:
    return Emphasis(weights, ["balanced"] * len(weights))


def both(net: LoadedControlNet, weight: float) -> list[float]:
    return [0.0 if net.prompt_only else weight, weight]


def start() -> torch.Tensor:
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))


CONTROLS = {
    "one": (Control("edges", PICTURE),),
    "some steps": (Control("edges", PICTURE, weight=0.4, start=0.2, end=0.6),),
    "two": (
        Control("edges", PICTURE, weight=0.7, end=0.5),
        Control("depth", OTHER, start=0.4),
    ),
    "prompt only": (Control("shuffle", PICTURE, weight=0.5),),
}
SLOW = ("one", "some steps")
"""What "two" has in it as well."""

every_control = pytest.mark.parametrize(
    "controls",
    [
        pytest.param(controls, id=name, marks=pytest.mark.slow if name in SLOW else [])
        for name, controls in CONTROLS.items()
    ],
)


@every_control
def test_controlnets_steer_as_in_diffusers(
    tiny_folder: Path, nets: dict[str, LoadedControlNet], controls: tuple[Control, ...]
):
    expected = stock(tiny_folder, nets, controls)
    # 1e-5, but that diffusers gives "prompt only" a forward with one row: other last bits.
    torch.testing.assert_close(ours(tiny_folder, nets, controls), expected, atol=5e-5, rtol=0)
    assert (ours(tiny_folder, nets, []) - expected).abs().max() > 0.01


def rows(net: LoadedControlNet, weights: Sequence[float]) -> tuple[Any, ...]:
    count = len(weights)
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(count, 4, 8, 8, generator=generator),
        torch.full((count,), 500.0),
        torch.randn(count, 12, 32, generator=generator),
        [
            ControlRows(
                net,
                range(count),
                control_tensor(PICTURE).expand(count, -1, -1, -1),
                balanced(weights),
            )
        ],
    )


@torch.no_grad()
def test_each_row_has_its_own_weight(nets: dict[str, LoadedControlNet]):
    full = residuals(*rows(nets["edges"], [1.0, 1.0, 1.0]))
    mixed = residuals(*rows(nets["edges"], [0.0, 0.25, 1.0]))
    scale = torch.tensor([0.0, 0.25, 1.0]).view(-1, 1, 1, 1)
    for name in ("down_block_additional_residuals", "mid_block_additional_residual"):
        for ones, some in zip(listed(full[name]), listed(mixed[name]), strict=True):
            torch.testing.assert_close(some, ones * scale)


@torch.no_grad()
def test_a_row_of_weight_zero_is_what_it_is_without_a_controlnet(
    tiny_folder: Path, nets: dict[str, LoadedControlNet]
):
    unet: Any = open_pipeline(tiny_folder).unet
    latents, timesteps, text, controls = rows(nets["edges"], [0.0, 1.0])
    steering = residuals(latents, timesteps, text, controls)
    steered = unet(latents, timesteps, text, **steering, return_dict=False)[0]
    plain = unet(latents, timesteps, text, return_dict=False)[0]
    assert torch.equal(steered[0], plain[0])
    assert not torch.equal(steered[1], plain[1])


def test_a_net_that_acts_on_no_row_does_not_run(nets: dict[str, LoadedControlNet]):
    ran: list[str] = []
    hook = nets["edges"].net.register_forward_hook(lambda *_: ran.append("edges"))
    try:
        assert residuals(*rows(nets["edges"], [0.0, 0.0])) == {}
    finally:
        hook.remove()
    assert ran == []


@pytest.mark.parametrize(
    ("start", "end", "acts"),
    [
        (0.0, 1.0, [1, 1, 1, 1]),
        (0.25, 1.0, [0, 1, 1, 1]),
        (0.3, 1.0, [0, 0, 1, 1]),
        (0.0, 0.5, [1, 1, 0, 0]),
        (0.0, 0.4, [1, 0, 0, 0]),
        (0.5, 0.5, [0, 0, 0, 0]),
    ],
)
def test_a_controlnet_acts_in_whole_steps_between_start_and_end(
    start: float, end: float, acts: list[int]
):
    control = Control("edges", PICTURE, weight=0.5, start=start, end=end)
    assert [weight_at(control, index, 4) * 2 for index in range(4)] == acts


@pytest.fixture
def studio(tiny_model: UNetModel, nets: dict[str, LoadedControlNet]) -> Engine:
    """An engine whose model may have every ControlNet."""
    shelf = Shelf(tiny_model)
    shelf.add_ons |= {("controlnet", name): net for name, net in nets.items()}
    return Engine(shelf)


def request(*controls: Control, **fields: Any) -> ImageRequest:
    return tiny(steps=STEPS, guidance_scale=SCALE, seed=0, controls=controls, **fields)


@every_control
def test_a_picture_with_controlnets_is_what_diffusers_makes(
    studio: Engine,
    tiny_folder: Path,
    nets: dict[str, LoadedControlNet],
    controls: tuple[Control, ...],
):
    expected = np.array(stock(tiny_folder, nets, controls, "pil")[0])
    made = picture(studio, request(*controls))
    assert difference(made, expected) <= 1
    assert difference(made, picture(studio, request())) > 5


# diffusers' Euler hands torch tensors to numpy.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_controlnet_of_sdxl_is_told_what_its_unet_is_told(tmp_path: Path):
    folder = save_tiny("sdxl", tmp_path / "sdxl")
    entry = controlnet_entry(save_tiny_controlnet(tmp_path / "net", folder))
    net = load_add_on("controlnet", entry, CPU, torch.float32)
    pipeline: Any = StableDiffusionXLControlNetPipeline.from_pretrained(folder, controlnet=net.net)
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        "a red apple",
        negative_prompt="flat",
        image=Image.fromarray(PICTURE),
        num_inference_steps=STEPS,
        guidance_scale=SCALE,
        controlnet_conditioning_scale=0.8,
        generator=torch.Generator().manual_seed(0),
    ).images[0]
    model = load_model(ModelEntry(name="sdxl", base=tmp_path, source=str(folder)), CPU)
    shelf = Shelf(model)
    shelf.add_ons["controlnet", "tiny"] = net
    wanted = replace(request(Control("tiny", PICTURE, 0.8)), model="sdxl", sampler="euler")
    made = picture(Engine(shelf), wanted)
    assert difference(made, np.array(expected)) <= 1
    assert difference(made, picture(Engine(shelf), replace(wanted, controls=()))) > 5


def test_pictures_with_other_controls_share_forwards(
    studio: Engine, nets: dict[str, LoadedControlNet]
):
    """Picture, weight, start, end, step and guidance are each row's own; the net is shared."""
    requests = {
        "one": request(Control("edges", PICTURE)),
        "other": request(Control("edges", OTHER, weight=0.5, start=0.4)),
        "alone": replace(request(Control("edges", OTHER, end=0.6)), guidance_scale=1.0),
    }
    ran: list[int] = []
    hook = nets["edges"].net.register_forward_hook(lambda *_: ran.append(1))
    try:
        together = pictures(studio, **requests)
    finally:
        hook.remove()
    assert len(ran) == STEPS
    for name, each in requests.items():
        assert together[name].error is None
        assert difference(together[name].image, picture(studio, each)) <= 1


def test_plain_pictures_and_those_of_other_nets_share_forwards(
    tiny_model: UNetModel, nets: dict[str, LoadedControlNet]
):
    """Each net runs for its own rows alone."""
    forwards: list[int] = []

    class Watch:
        def forward(self, model: str, rows: int, seconds: float) -> None:
            forwards.append(rows)

        def stage(self, name: str, seconds: float) -> None: ...

    shelf = Shelf(tiny_model)
    shelf.add_ons |= {("controlnet", name): net for name, net in nets.items()}
    requests = {
        "plain": request(),
        "edges": request(Control("edges", PICTURE)),
        "other": request(Control("depth", OTHER, weight=0.5, end=0.6)),
        "both": request(Control("depth", PICTURE), Control("edges", OTHER, start=0.4)),
        "prompt": request(Control("shuffle", PICTURE)),
        "guess": request(Control("edges", OTHER, control_mode="guess")),
    }
    seen: dict[str, list[int]] = {name: [] for name in nets}

    def count(rows: list[int]) -> Callable[[Any, tuple[torch.Tensor, ...]], None]:
        return lambda _, args: rows.append(len(args[0]))

    hooks = [net.net.register_forward_pre_hook(count(seen[name])) for name, net in nets.items()]
    try:
        together = pictures(Engine(shelf, observer=Watch()), **requests)
    finally:
        for hook in hooks:
            hook.remove()
    # Two rows each, in forwards of 8 rows at most until more were measured to be better.
    assert sum(forwards) == 2 * len(requests) * STEPS
    assert len(forwards) <= 2 * STEPS
    assert sum(seen["edges"]) == 2 * STEPS + 2 * 3 + STEPS
    assert sum(seen["depth"]) == 2 * 3 + 2 * STEPS
    assert sum(seen["shuffle"]) == STEPS
    for name, each in requests.items():
        assert difference(together[name].image, picture(Engine(shelf), each)) <= 1, name


def listed(tensors: Any) -> list[torch.Tensor]:
    return [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
