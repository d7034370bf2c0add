"""What the doctor finds of the place where pictures are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkroom.commands.doctor import command as doctor
from jobs.settings import Settings


def test_a_store_that_keeps_pictures_is_fine_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    (finding,) = doctor.store(Settings(data=tmp_path))
    assert finding.mark == "ok"
    assert not (tmp_path / "images").exists()

    (tmp_path / "images").mkdir()
    (finding,) = doctor.store(Settings(data=tmp_path))
    assert finding.mark == "ok"
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


def test_a_store_that_keeps_nothing_is_wrong_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file where a folder should be")
    (finding,) = doctor.store(Settings(data=tmp_path))
    assert finding.mark == "WRONG"
    assert str(tmp_path / "images") in finding.says


def test_a_store_that_is_away_is_wrong() -> None:
    pytest.importorskip("s3fs")
    chosen = Settings(image_store="s3://bucket/darkroom", s3_endpoint="http://127.0.0.1:9")
    (finding,) = doctor.store(chosen)
    assert finding.mark == "WRONG"
    assert "s3://bucket/darkroom" in finding.says
