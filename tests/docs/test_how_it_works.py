"""docs/how-it-works.md names functions that are where it says they are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.running.paths import REPOSITORY

PAGE = REPOSITORY / "docs" / "how-it-works.md"
NAMED = re.findall(r"\[`([\w.]+)`\]\(([\w./-]+\.py)\)", PAGE.read_text())


def defined(path: Path) -> set[str]:
    """The functions and classes of a file, and the methods of its classes."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = [each for each in node.body if isinstance(each, ast.FunctionDef)]
            names |= {f"{node.name}.{each.name}" for each in inner}
    return names


def test_the_page_names_functions():
    assert len(NAMED) > 20


@pytest.mark.parametrize(("name", "file"), sorted(set(NAMED)))
def test_what_the_page_names_is_there(name: str, file: str):
    assert name in defined(PAGE.parent / file)


def test_every_link_to_a_file_leads_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE.read_text())
    assert links
    assert [each for each in links if not (PAGE.parent / each).exists()] == []


def test_what_the_anatomy_names_of_the_code_is_there():
    frame = REPOSITORY / "clients" / "web" / "src" / "anatomy" / "draw" / "Frame.tsx"
    code = frame.read_text().partition("const CODE")[2].partition("};")[0]
    named = re.findall(r'"([\w./]+\.py)(?:: ([\w, ]+))?"', code)
    assert len(named) > 8
    for file, names in named:
        there = defined(REPOSITORY / file)
        assert [each for each in names.split(", ") if each and each not in there] == [], file
