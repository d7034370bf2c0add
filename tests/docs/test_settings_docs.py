"""The settings' documentation is the table itself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from darkroom.cli import PIPE_CLOSED, main
from darkroom.commands import settings_page
from jobs.machine_settings import REPOSITORY
from jobs.settings import Settings


def test_the_page_says_what_the_table_says() -> None:
    written = (REPOSITORY / "docs" / "settings.md").read_text()

    assert written == settings_page.markdown(), (
        "run: .venv/bin/darkroom settings --markdown > docs/settings.md"
    )


@pytest.mark.parametrize("row", list(settings_page.rows()), ids=lambda row: row.name)
def test_every_setting_says_what_it_does(row: settings_page.Row) -> None:
    assert len(row.help) > 20
    assert row.help.endswith(".")


def test_a_changed_value_is_shown_with_its_default() -> None:
    shown = settings_page.table(Settings(port=9000))

    assert "PORT=9000   (default 7860)" in shown
    assert "HOST=0.0.0.0\n" in shown


def test_a_list_is_shown_as_it_is_written() -> None:
    folders = os.pathsep.join(("/srv/a1111", "/srv/comfyui"))
    shown = settings_page.table(Settings(models_folders=folders, allowed_hosts="a.example,b"))  # pyright: ignore[reportArgumentType]

    assert f"MODELS_FOLDERS={folders}   (default unset)" in shown
    assert "ALLOWED_HOSTS=a.example,b   (default unset)" in shown


def test_what_is_printed_may_be_read_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    read, written = os.pipe()
    os.close(read)
    with os.fdopen(written, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)

        assert main(["settings"]) == PIPE_CLOSED


def test_a_value_that_does_not_fit_ends_the_command_with_its_name_and_the_limit() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "darkroom", "settings"],
        env={**os.environ, "PORT": "99999"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    assert "PORT=99999" in ended.stderr
    assert "65535" in ended.stderr
    assert "Traceback" not in ended.stderr
