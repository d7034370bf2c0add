import copy
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from tests.engine.helpers import open_pipeline
from tests.engine.parts.loras import CPU, loaded, stock
from tests.tiny.models import save_tiny
from tests.tiny.parts import LoraFormat, save_tiny_lora
from worker.engine.errors import ModelUnavailable
from worker.engine.parts.lora import LoraLayer, LoraSwitch, LoraWeights
from worker.engine.request import Lora

# peft says so whenever a second LoRA is put on the stock pipeline.
pytestmark = pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute")

CLOSE = {"atol": 1e-5, "rtol": 0}


@pytest.fixture
def pipeline(tiny_folder: Path) -> StableDiffusionPipeline:
    return open_pipeline(tiny_folder)


@pytest.fixture
def switch(pipeline: Any) -> LoraSwitch:
    return LoraSwitch(pipeline.unet, [pipeline.text_encoder])


@pytest.fixture
def held(switch: LoraSwitch, loras: dict[str, Path]) -> dict[str, LoraWeights]:
    """All of them, known to the switch."""
    weights = {name: loaded(file) for name, file in loras.items()}
    for each in weights.values():
        switch.hold(each)
    return weights


@torch.no_grad()
def noise(pipeline: Any) -> torch.Tensor:
    """What the UNet says to latents and text that are always the same."""
    unet = pipeline.unet
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 4, 8, 8, generator=generator)
    text = torch.randn(2, 12, unet.config.cross_attention_dim, generator=generator)
    return unet(latents, torch.tensor([3.0, 700.0]), text, return_dict=False)[0]


@torch.no_grad()
def read(pipeline: Any) -> torch.Tensor:
    ids = torch.tensor([[1, 40, 41, 42, 43, 2, 0, 0, 0, 0, 0, 0]])
    return pipeline.text_encoder(ids)[0]


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param({"kohya": 1.0}, marks=pytest.mark.slow),
        pytest.param({"diffusers": 0.7}, marks=pytest.mark.slow),
        pytest.param({"locon": 1.3}, marks=pytest.mark.slow),
        pytest.param({"unet": -0.5}, marks=pytest.mark.slow),
        {"kohya": 0.6, "diffusers": -0.4, "locon": 1.0},
    ],
)
def test_a_model_with_loras_is_what_diffusers_makes_of_it(
    pipeline: Any,
    switch: LoraSwitch,
    held: dict[str, LoraWeights],
    loras: dict[str, Path],
    tiny_folder: Path,
    weights: dict[str, float],
):
    plain = noise(pipeline)
    switch.use([Lora(name, weight) for name, weight in weights.items()])
    other = stock(tiny_folder, loras, weights)
    torch.testing.assert_close(noise(pipeline), noise(other), **CLOSE)
    torch.testing.assert_close(read(pipeline), read(other), **CLOSE)
    assert (noise(pipeline) - plain).abs().max() > 1e-3


def test_without_loras_the_model_is_what_it_was_to_the_bit(
    pipeline: Any, switch: LoraSwitch, held: dict[str, LoraWeights]
):
    untouched = copy.deepcopy(pipeline.unet.state_dict())
    before = noise(pipeline), read(pipeline)
    switch.use([Lora("kohya", 0.8), Lora("locon", 0.5)])
    assert not torch.equal(noise(pipeline), before[0])
    assert not torch.equal(read(pipeline), before[1])
    switch.use([])
    assert torch.equal(noise(pipeline), before[0])
    assert torch.equal(read(pipeline), before[1])
    after = pipeline.unet.state_dict()
    assert after.keys() == untouched.keys()
    assert all(torch.equal(after[name], untouched[name]) for name in after)


def test_a_lora_of_weight_zero_changes_no_bit(
    pipeline: Any, switch: LoraSwitch, held: dict[str, LoraWeights]
):
    before = noise(pipeline)
    switch.use([Lora("kohya", 0.0)])
    assert torch.equal(noise(pipeline), before)


def test_a_lora_acts_at_the_weight_of_each_forward(
    pipeline: Any, switch: LoraSwitch, held: dict[str, LoraWeights]
):
    seen: dict[float, torch.Tensor] = {}
    for weight in (0.5, 1.0, 0.5, 1.0):
        switch.use([Lora("kohya", weight)])
        now = noise(pipeline)
        assert torch.equal(seen.setdefault(weight, now), now)
    assert not torch.equal(seen[0.5], seen[1.0])


def test_the_same_lora_twice_acts_with_both_weights(
    pipeline: Any, switch: LoraSwitch, held: dict[str, LoraWeights]
):
    switch.use([Lora("kohya", 0.3), Lora("kohya", 0.4)])
    twice = noise(pipeline)
    switch.use([Lora("kohya", 0.7)])
    torch.testing.assert_close(twice, noise(pipeline), **CLOSE)


def test_the_same_set_again_puts_nothing_on_again(
    pipeline: Any, switch: LoraSwitch, held: dict[str, LoraWeights]
):
    layer = pipeline.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q
    switch.use([Lora("kohya", 0.5)])
    hooks = list(layer._forward_hooks)
    switch.use([Lora("kohya", 0.5)])
    assert list(layer._forward_hooks) == hooks
    switch.use([Lora("kohya", 0.6)])
    assert list(layer._forward_hooks) != hooks
    assert len(layer._forward_hooks) == 1


def test_each_layer_has_its_own_alpha(
    pipeline: Any, switch: LoraSwitch, tmp_path: Path, tiny_folder: Path
):
    """As its trainer means it: scale is alpha / rank of that layer."""
    file = save_tiny_lora(tmp_path / "own.safetensors", tiny_folder, alpha=2, text=False)
    tensors = load_file(file)
    layer = "mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
    name = f"lora_unet_{layer.replace('.', '_')}"
    tensors[f"{name}.alpha"] = torch.tensor(16.0)

    save_file(tensors, file)
    weights = loaded(file)
    switch.hold(weights)
    switch.use([Lora("own", 0.5)])
    with_lora = noise(pipeline)
    switch.use([])
    modules = dict(pipeline.unet.named_modules())
    with torch.no_grad():
        for path in weights.unet:
            here = f"lora_unet_{path.replace('.', '_')}"
            down, up = tensors[f"{here}.lora_down.weight"], tensors[f"{here}.lora_up.weight"]
            scale = 0.5 * tensors[f"{here}.alpha"].item() / len(down)
            change = (up.flatten(1) @ down.flatten(1)).view_as(modules[path].weight)
            modules[path].weight += scale * change
    torch.testing.assert_close(with_lora, noise(pipeline), **CLOSE)
    assert weights.unet[layer].up.abs().max() == pytest.approx(
        8 * tensors[f"{name}.lora_up.weight"].abs().max().item(), rel=1e-5
    )


@pytest.mark.parametrize("format", ["kohya", pytest.param("diffusers", marks=pytest.mark.slow)])
def test_a_lora_for_sdxl_changes_both_text_encoders_as_in_diffusers(
    tmp_path: Path, format: LoraFormat
):
    folder = save_tiny("sdxl", tmp_path / "sdxl")
    file = save_tiny_lora(tmp_path / "xl.safetensors", folder, format)
    ours: Any = DiffusionPipeline.from_pretrained(folder)
    switch = LoraSwitch(ours.unet, [ours.text_encoder, ours.text_encoder_2])
    weights = loaded(file)
    switch.hold(weights)
    other: Any = DiffusionPipeline.from_pretrained(folder)
    before = ours.encode_prompt("a red apple", device=CPU)
    other.load_lora_weights(tmp_path, weight_name=file.name, adapter_name="xl")
    other.set_adapters(["xl"], [0.6])
    switch.use([Lora("xl", 0.6)])
    expected = other.encode_prompt("a red apple", device=CPU)
    encoded = ours.encode_prompt("a red apple", device=CPU)
    for mine, theirs, plain in zip(encoded, expected, before, strict=True):
        torch.testing.assert_close(mine, theirs, **CLOSE)
        if plain.any():
            assert (mine - plain).abs().max() > 1e-3
    added = {"text_embeds": encoded[2], "time_ids": torch.tensor([[16.0, 16, 0, 0, 16, 16]])}
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        mine, theirs = (
            pipeline.unet(latents, 500, encoded[0], added_cond_kwargs=added, return_dict=False)[0]
            for pipeline in (ours, other)
        )
    torch.testing.assert_close(mine, theirs, **CLOSE)


@pytest.mark.parametrize("rslora", [False, True])
def test_a_lora_with_peft_configuration_is_what_diffusers_makes_of_it(
    pipeline: Any, switch: LoraSwitch, tmp_path: Path, tiny_folder: Path, rslora: bool
):
    """As diffusers' training scripts save it: an alpha, and another one for some layers."""
    config = LoraConfig(
        r=2,
        lora_alpha=5,
        use_rslora=rslora,
        alpha_pattern={"attn2.to_k": 11},
        target_modules=["to_k", "to_v"],
        init_lora_weights=False,
    )
    trained: Any = open_pipeline(tiny_folder)
    trained.unet.add_adapter(config, "trained")
    trained.save_lora_weights(
        tmp_path,
        unet_lora_layers=get_peft_model_state_dict(trained.unet, adapter_name="trained"),
        unet_lora_adapter_metadata=trained.unet.peft_config["trained"].to_dict(),
        weight_name="trained.safetensors",
    )
    file = tmp_path / "trained.safetensors"
    weights = loaded(file)
    switch.hold(weights)
    switch.use([Lora("trained", 0.5)])
    other = stock(tiny_folder, {"trained": file}, {"trained": 0.5})
    torch.testing.assert_close(noise(pipeline), noise(other), **CLOSE)


def test_a_lora_that_does_not_fit_is_named_with_its_layer(switch: LoraSwitch):
    wide = LoraLayer(torch.zeros(2, 768), torch.zeros(32, 2))
    path = "mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
    with pytest.raises(ModelUnavailable, match=r"loras: wide changes mid_block.* from 768 to 32"):
        switch.hold(LoraWeights("wide", {path: wide}))
    with pytest.raises(ModelUnavailable, match=r"deep changes mid_block\.9 of the UNet, which"):
        switch.hold(LoraWeights("deep", {"mid_block.9": wide}))
    with pytest.raises(
        ModelUnavailable, match=r"both changes 2 text encoders and this model has 1"
    ):
        switch.hold(LoraWeights("both", {}, ({}, {})))


def test_a_lora_that_nobody_holds_is_let_go(switch: LoraSwitch, loras: dict[str, Path]):
    weights = loaded(loras["kohya"])
    switch.hold(weights)
    switch.use([Lora("kohya", 0.5)])
    gone = weakref.ref(weights)
    del weights
    gc.collect()
    assert gone() is None
    with pytest.raises(KeyError):
        switch.use([Lora("kohya", 0.5)])
    switch.use([])


def test_a_lora_that_was_loaded_again_acts_with_its_new_weights(
    pipeline: Any, switch: LoraSwitch, tmp_path: Path, tiny_folder: Path
):
    file = tmp_path / "again.safetensors"
    pictures: list[torch.Tensor] = []
    for seed in (1, 2):
        weights = loaded(save_tiny_lora(file, tiny_folder, seed=seed))
        switch.hold(weights)
        switch.use([Lora("again", 1.0)])
        pictures.append(noise(pipeline))
    assert not torch.equal(*pictures)


@pytest.mark.parametrize("format", ["kohya", "diffusers"])
def test_a_lora_says_how_much_memory_it_takes(
    tmp_path: Path, tiny_folder: Path, format: LoraFormat
):
    file = save_tiny_lora(tmp_path / "some.safetensors", tiny_folder, format)
    stored = sum(
        each.numel() * each.element_size()
        for name, each in load_file(file).items()
        if not name.endswith("alpha")
    )
    assert loaded(file).bytes == stored


def test_merged_into_the_weights_loras_that_all_rows_have_do_what_they_do_on_its_layers(
    loras: dict[str, Path], pipeline: Any, switch: LoraSwitch
):
    held = [loaded(loras[name]) for name in ("kohya", "locon")]
    for each in held:
        switch.hold(each)
    torch.manual_seed(0)
    unet, size = pipeline.unet, pipeline.unet.config
    channels = size.in_channels
    inputs = torch.randn(2, channels, 8, 8), torch.tensor([3, 700])
    text = torch.randn(2, 5, size.cross_attention_dim)
    run = torch.func.functional_call
    with torch.no_grad():
        plain = unet(*inputs, text).sample
        switch.use_by_row([[Lora("kohya", 0.7), Lora("locon", -0.4)]] * 2)
        merging = switch.merging
        assert merging is not None
        weights = merging.weights()
        hung = unet(*inputs, text).sample
        switch.use_by_row([[Lora("kohya", 0.7)], []])
        assert switch.merging is None
        switch.use(())
        assert switch.merging is None
        assert weights is not None
        merged = run(unet, weights, (*inputs, text)).sample
    assert (hung - plain).abs().max() > 1e-2
    assert torch.allclose(merged, hung, **CLOSE)
