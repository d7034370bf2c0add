"""Upscalers: tiles without seams, memory that ends, and real ESRGAN weights through spandrel."""

import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from worker.engine.errors import ModelUnavailable, NotFinite, OutOfMemory
from worker.engine.ground import piecework
from worker.engine.parts.upscaler import OVERLAP, PixelUpscaler, lanczos, tiles
from worker.models.loading.add_ons.by_spandrel import imported
from worker.models.loading.add_ons.upscaler import load_upscaler

CPU = torch.device("cpu")


def noisy(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def network(layers: int = 3, scale: int = 2) -> nn.Module:
    """A small convolutional upscaler that sees `layers` pixels to each side, random weights."""
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(3, 3, 3, padding=1) for _ in range(layers)]
    for each in convolutions:
        nn.init.dirac_(each.weight)
        each.weight.data += 0.1 * torch.randn_like(each.weight)
    return nn.Sequential(*convolutions, nn.Upsample(scale_factor=scale)).eval()


def upscaler(module: Any, scale: int = 2) -> PixelUpscaler:
    return PixelUpscaler("test", module, scale, CPU, torch.float32)


def whole(module: nn.Module, picture: np.ndarray) -> np.ndarray:
    """The network on the whole picture at once."""
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        result = module(pixels)[0].clamp(0, 1) * 255
    return result.round().to(torch.uint8).permute(1, 2, 0).numpy()


@pytest.mark.parametrize("size", [(300, 200), (97, 131), (128, 128), (129, 64), (20, 300)])
def test_tiles_leave_no_seams(size: tuple[int, int]):
    module, picture = network(), noisy(*size)
    tiled = upscaler(module).enlarge(picture, tile=96)
    difference = np.abs(tiled.astype(int) - whole(module, picture))
    assert tiled.shape == (size[1] * 2, size[0] * 2, 3)
    assert difference.max() <= 1


def test_a_network_that_sees_beyond_the_overlap_still_leaves_no_step_between_tiles():
    # Brightness that depends on the tile, as a network that looks far round about would have it.
    def own_mean(pixels: torch.Tensor) -> torch.Tensor:
        return pixels.mean(dim=(2, 3), keepdim=True).expand_as(pixels)

    ramp = np.linspace(0, 255, 400).astype(np.uint8)
    picture = np.repeat(np.tile(ramp, (64, 1))[..., None], 3, axis=2)
    row = upscaler(own_mean, scale=1).enlarge(picture, tile=128)[32, :, 0].astype(int)
    assert row[-1] - row[0] > 100
    assert np.abs(np.diff(row)).max() <= 6


@pytest.mark.parametrize("length", [1, 63, 64, 65, 100, 127, 128, 129, 1000])
def test_tiles_cover_everything_and_reach_into_each_other(length: int):
    spans = list(tiles(length, 64))
    assert spans[0].start == 0
    assert spans[-1].stop == length
    assert all(span.stop - span.start == min(64, length) for span in spans)
    for one, other in pairwise(spans):
        assert one.start < other.start <= one.stop - OVERLAP


def test_the_network_never_sees_more_than_a_tile():
    seen: list[tuple[int, int]] = []

    def module(pixels: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(pixels.shape[2:]))
        return pixels

    upscaler(module, scale=1).enlarge(noisy(500, 70), tile=128)
    assert max(height for height, _ in seen) <= 128
    assert max(width for _, width in seen) <= 128


def test_where_memory_ends_smaller_tiles_give_the_same_picture():
    module, picture, tried = network(), noisy(300, 200), []

    def limited(pixels: torch.Tensor) -> torch.Tensor:
        tried.append(pixels.shape[-1])
        if pixels.shape[-1] > 128:
            raise torch.OutOfMemoryError("too large")
        return module(pixels)

    made = upscaler(limited).enlarge(picture)
    assert max(tried) == 300
    assert np.abs(made.astype(int) - whole(module, picture)).max() <= 1


def test_an_upscaler_that_fits_in_no_tile_says_so():
    def never(_: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("too large")

    with pytest.raises(OutOfMemory, match="upscaler: test does not fit"):
        upscaler(never).enlarge(noisy(100, 100))


def test_an_error_of_the_network_is_not_taken_for_a_lack_of_memory():
    def broken(_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("sizes differ")

    with pytest.raises(RuntimeError, match="sizes differ"):
        upscaler(broken).enlarge(noisy(20, 20))


def test_nan_is_an_error_and_no_black_picture():
    with pytest.raises(NotFinite, match="upscaler test"):
        upscaler(lambda pixels: pixels * float("nan"), scale=1).enlarge(noisy(20, 20))


@pytest.mark.parametrize(
    ("width", "height", "passes"), [(40, 30, 1), (31, 24, 1), (100, 75, 3), (20, 15, 0)]
)
def test_the_network_is_applied_until_the_picture_is_large_enough(
    width: int, height: int, passes: int
):
    calls = 0

    def module(pixels: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return nn.functional.interpolate(pixels, scale_factor=2)

    made = upscaler(module).enlarge_to(noisy(20, 15), width, height)
    assert made.shape == (height, width, 3)
    assert calls == passes


def test_lanczos_is_pils():
    picture = noisy(20, 15)
    expected = Image.fromarray(picture).resize((51, 33), Image.Resampling.LANCZOS)
    assert np.array_equal(lanczos(picture, 51, 33), np.array(expected))
    assert np.array_equal(lanczos(picture, 20, 15), picture)


class DenseBlock(nn.Module):
    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        for index in range(5):
            out = growth if index < 4 else width
            self.add_module(
                f"conv{index + 1}", nn.Conv2d(width + index * growth, out, 3, padding=1)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = [x]
        for index in range(4):
            conv = getattr(self, f"conv{index + 1}")
            features.append(nn.functional.leaky_relu(conv(torch.cat(features, 1)), 0.2))
        return self.conv5(torch.cat(features, 1)) * 0.2 + x


class ResidualInResidual(nn.Module):
    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(width, growth) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rdb3(self.rdb2(self.rdb1(x))) * 0.2 + x


class RRDBNet(nn.Module):
    """Real-ESRGAN's generator (arXiv 2107.10833) as its authors name its weights, but small."""

    def __init__(self, width: int = 8, growth: int = 32, blocks: int = 2) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualInResidual(width, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(width, width, 3, padding=1)
        self.conv_up1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv_up2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.conv_first(x)
        features = features + self.conv_body(self.body(features))
        for conv in (self.conv_up1, self.conv_up2):
            features = nn.functional.interpolate(features, scale_factor=2, mode="nearest")
            features = nn.functional.leaky_relu(conv(features), 0.2)
        return self.conv_last(nn.functional.leaky_relu(self.conv_hr(features), 0.2))


@pytest.fixture
def esrgan(tmp_path: Path) -> tuple[RRDBNet, Path]:
    torch.manual_seed(0)
    net, path = RRDBNet().eval(), tmp_path / "4x-small.safetensors"
    save_file(net.state_dict(), path)
    return net, path


@pytest.fixture(scope="module")
def spandrel() -> Any:
    return imported()


@pytest.mark.usefixtures("spandrel")
def test_real_esrgan_weights_make_a_picture_four_times_as_large(esrgan: tuple[RRDBNet, Path]):
    net, path = esrgan
    loaded = load_upscaler(path, CPU, torch.float32)
    picture = noisy(40, 30)
    assert (loaded.name, loaded.scale, loaded.dtype) == ("4x-small", 4, torch.float32)
    made = loaded.enlarge(picture)
    assert made.shape == (120, 160, 3)
    assert np.abs(made.astype(int) - whole(net, picture)).max() <= 1


@pytest.mark.usefixtures("spandrel")
def test_long_work_rests_between_the_layers_of_a_real_network(
    esrgan: tuple[RRDBNet, Path], monkeypatch: pytest.MonkeyPatch
):
    loaded = load_upscaler(esrgan[1], CPU, torch.float32)
    monkeypatch.setattr(piecework, "PIECE", 0.0)
    assert loaded.network is not None
    made: list[np.ndarray] = []
    work = piecework.Piecework(
        lambda: made.append(loaded.enlarge_to(noisy(40, 30), 100, 75)), [loaded.network]
    )
    pieces = 0
    while not work.advance():
        pieces += 1
    assert pieces > 20
    assert np.array_equal(made[0], lanczos(loaded.enlarge(noisy(40, 30)), 100, 75))


def test_memory_follows_what_is_wanted_and_not_what_the_network_makes_of_it():
    picture = noisy(600, 1200)
    large = upscaler(nn.Upsample(scale_factor=4), scale=4)
    tracemalloc.start()
    made = large.enlarge_to(picture, 610, 1220)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made.shape == (1220, 610, 3)
    assert most < 200e6, most


@pytest.mark.usefixtures("spandrel")
def test_weights_of_something_else_are_refused(tmp_path: Path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(ModelUnavailable, match="no network that spandrel"):
        load_upscaler(path, CPU, torch.float32)


@pytest.mark.usefixtures("spandrel")
def test_a_broken_file_is_refused(tmp_path: Path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"not safetensors at all")
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        load_upscaler(path, CPU, torch.float32)


@pytest.mark.parametrize("ending", [".pth", ".pt", ".ckpt", ".bin"])
def test_a_pickle_is_refused_with_the_reason(tmp_path: Path, ending: str):
    with pytest.raises(ModelUnavailable, match="can run any code"):
        load_upscaler(tmp_path / f"RealESRGAN_x4plus{ending}", CPU, torch.float32)


def test_without_spandrel_the_error_says_what_to_install(
    esrgan: tuple[RRDBNet, Path], monkeypatch: pytest.MonkeyPatch
):
    # What Python itself does where a module is not installed.
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(ModelUnavailable, match=r"install darkroom\[upscale\]"):
        load_upscaler(esrgan[1], CPU, torch.float32)
