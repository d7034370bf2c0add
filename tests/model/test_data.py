"""The pictures that a training sees, and the file that carries them."""

import io
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.recipe import data

pytest.importorskip("resvg_py", reason="only preparing the pictures needs it")

ICONS = {
    "width": 32,
    "height": 32,
    "icons": {"dot": {"body": '<circle fill="#f00" cx="8" cy="16" r="8"/>'}},
    "aliases": {"dot-right": {"parent": "dot", "hFlip": True}},
}


def pixels_of(name: str, margin: float = 0.0) -> np.ndarray:
    svg = data.to_svg(ICONS, name, margin)
    assert svg is not None
    art = np.array(Image.open(io.BytesIO(data.render(svg, 32))).convert("RGBA"))
    return data.on_white(torch.from_numpy(art)).permute(1, 2, 0).numpy()


def test_an_icon_is_rendered_on_white_at_the_size_asked_for():
    pixels = pixels_of("dot")
    assert pixels.shape == (32, 32, 3)
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[16, 8].tolist() == [255, 0, 0]


def test_the_prepared_art_is_transparent_round_the_icon():
    svg = data.to_svg(ICONS, "dot", 0.0)
    assert svg is not None
    art = np.array(Image.open(io.BytesIO(data.render(svg, 32))))
    assert art[0, 0, 3] == 0
    assert art[16, 8].tolist() == [255, 0, 0, 255]


def test_a_flipped_alias_is_the_mirror_image():
    assert np.array_equal(pixels_of("dot-right"), pixels_of("dot")[:, ::-1])


def test_a_margin_keeps_the_icon_off_the_border():
    assert (pixels_of("dot", 0.1)[:, :2] == 255).all()


def test_an_icon_the_set_lacks_is_left_out():
    assert data.to_svg(ICONS, "unicorn", 0.0) is None


def test_the_prepared_file_gives_back_its_pictures_and_words(tmp_path: Path):
    svg = data.to_svg(ICONS, "dot", 0.0)
    assert svg is not None
    emoji = [
        data.Emoji("red dot", ("dot",), ("chấm đỏ",), "symbols", style, 1.0)
        for style in ("3d", "flat")
    ]
    data.write(tmp_path / "emoji.npz", [data.render(svg, 32)] * 2, emoji)
    pictures = data.load(tmp_path / "emoji.npz", ("flat",))
    assert pictures.emoji == emoji[1:]
    assert np.array_equal(pictures.pixels[0].permute(1, 2, 0).numpy(), pixels_of("dot"))


@pytest.mark.parametrize(
    ("entry", "weight"),
    [
        ({"label": "banana", "group": 4, "subgroup": 42}, 3.0),
        ({"label": "green heart", "group": 0, "subgroup": 14}, 3.0),
        ({"label": "grinning face", "group": 0, "subgroup": 0}, 1.0),
        ({"label": "man running", "group": 1, "subgroup": 27, "gender": 1}, 0.3),
        ({"label": "two o'clock", "group": 5, "subgroup": 58}, 0.3),
    ],
)
def test_things_are_drawn_more_often_than_signs_and_near_duplicates(entry: dict, weight: float):
    assert data.weight_of(entry) == weight


@pytest.mark.slow
def test_the_packages_give_every_style_a_picture_of_a_red_apple(tmp_path: Path):
    cache = tmp_path / "cache"
    try:
        data.fetch(cache)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("npm or its registry cannot be reached")
    apple = data.bare_code("1F34E")
    assert data.read_words(cache)[apple]["label"] == "red apple"
    assert all(apple in data.read_names(cache, icon_set) for icon_set, *_ in data.STYLES.values())
