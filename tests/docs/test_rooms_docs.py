"""What is written about the rooms is what the rooms say of themselves, and names what is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from jobs.machine_settings import REPOSITORY

PACKAGES = ("server", "jobs", "grammar", "worker", "darkroom", "models/recipe")
PAGES = ("README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/security.md")


def first_sentence(package: Path) -> str:
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    return re.split(r"(?<=\.)\s", " ".join(docstring.split()), maxsplit=1)[0]


def rooms() -> str:
    """The list of CONTRIBUTING.md, as the packages have it."""
    folders = [
        file.parent
        for package in PACKAGES
        for file in sorted((REPOSITORY / package).rglob("__init__.py"))
    ]
    lines = ["| | |", "|---|---|"]
    for folder in folders:
        name = folder.relative_to(REPOSITORY).as_posix()
        lines.append(f"| `{name}/` | {first_sentence(folder)} |")
    return "\n".join(lines)


def test_the_list_of_rooms_is_what_the_rooms_say() -> None:
    page = (REPOSITORY / "CONTRIBUTING.md").read_text()
    written = page.split("<!-- rooms -->\n\n")[1].split("\n\n<!-- /rooms -->")[0]

    assert written == rooms(), "the list should be:\n" + rooms()


def test_every_room_says_what_it_is_for() -> None:
    for package in PACKAGES:
        for file in (REPOSITORY / package).rglob("__init__.py"):
            assert 20 < len(first_sentence(file.parent)) < 130, file


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_is_there(page: str) -> None:
    named = re.findall(
        r"`((?:server|jobs|worker|darkroom|clients|tests|models|benchmarks|docs)/[\w./-]+)",
        (REPOSITORY / page).read_text(),
    )
    built = ("server/pages/static/app", "models/cache")

    missing = [
        each for each in named if not (REPOSITORY / each).exists() and not each.startswith(built)
    ]

    assert not missing
