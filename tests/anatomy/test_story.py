"""How a model was taught: written by the recipe beside it, and told by the server."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
from PIL import Image

from models.recipe import story
from tests.running.paths import API, REPOSITORY
from tests.running.site import Site
from worker.models.files import story as reader


def run_of(folder: Path, steps: int) -> Path:
    """A training's run folder, in which it was killed once and went on from its checkpoint."""
    told = [
        {"step": step, "seconds": step * 2, "loss": 1 / step, "rate": 1e-4}
        for step in range(1, steps)
    ]
    lost = [{"step": steps // 2 + 50, "seconds": 1, "loss": 9.0, "rate": 0.0}]
    lines = [*told[: steps // 2], *lost, *told[steps // 2 :], {"step": steps, "seconds": 1}]
    (folder / "diffusion.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    for step in (1, 10, 40, 90, 200, 300, 500, 700, 990, 2000):
        Image.effect_noise((512, 128), 80).convert("RGB").save(folder / f"diffusion-{step:06d}.png")
    return folder


def test_the_recipe_keeps_a_small_curve_and_a_few_ages(tmp_path: Path):
    story.write(run_of(tmp_path, 1000), tmp_path / "model")
    told = reader.read(tmp_path / "model")
    assert told is not None
    assert 100 < len(told["curve"]) <= story.POINTS
    assert told["curve"][-1]["step"] == 999
    assert all(each["loss"] <= 1 for each in told["curve"]), "what was lost with a kill is not told"
    steps = [each["step"] for each in told["grids"]]
    assert len(steps) <= story.AGES
    assert (steps[0], steps[-1]) == (1, 990)
    kept = list((tmp_path / "model" / "training").glob("*.webp"))
    assert sum(each.stat().st_size for each in kept) <= story.MOST_BYTES
    story.write(tmp_path / "empty", tmp_path / "model")
    assert reader.read(tmp_path / "model") is None


def test_the_server_tells_how_a_model_was_taught_or_that_nobody_wrote_it_down(site: Site):
    told = httpx.get(f"{site.url}{API}/models/emoji/training", timeout=60).raise_for_status().json()
    assert told["model"] == "emoji"
    if not (REPOSITORY / "models/emoji/training/story.json").exists():
        assert (told["curve"], told["grids"], told["prompts"]) == ([], [], [])
        return
    assert {"step", "seconds", "loss", "rate"} == told["curve"][0].keys()
    assert told["grids"][0]["picture"].startswith("data:image/webp;base64,")
