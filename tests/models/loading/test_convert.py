"""`darkroom models convert`: pickles of weights become safetensors, and run nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from darkroom.cli import main


class Runs:
    """A pickle of it makes a folder when it is opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._folder),)


def test_weights_are_the_same_in_safetensors(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file, shared = tmp_path / "GFPGANv1.4.pth", torch.arange(6.0)
    weights = {"a": shared, "b": shared[::2], "half": torch.ones(2, dtype=torch.float16)}
    torch.save({"params_ema": weights, "params": {"a": torch.zeros(1)}, "iter": 7}, file)
    assert main(["models", "convert", str(file)]) == 0
    target = tmp_path / "GFPGANv1.4.safetensors"
    assert str(target) in capsys.readouterr().out
    found = load_file(target)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], each) for name, each in weights.items())
    assert sorted(each.name for each in tmp_path.iterdir()) == [file.name, target.name][:2]
    assert main(["models", "convert", str(file)]) == 1
    assert "is there already" in capsys.readouterr().err


def test_what_would_run_is_refused_and_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file, trap = tmp_path / "evil.pth", tmp_path / "trap"
    torch.save({"params_ema": {"a": torch.ones(1)}, "more": Runs(trap)}, file)
    assert main(["models", "convert", str(file)]) == 1
    assert "holds more than weights" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.pth", b"no zip and no pickle", "is broken"),
        ("a.safetensors", b"", "is no .ckpt"),
        ("missing.pth", None, "cannot be read"),
    ],
)
def test_what_is_no_pickle_of_weights_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, words: str
):
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    assert main(["models", "convert", str(file)]) == 1
    assert words in capsys.readouterr().err
