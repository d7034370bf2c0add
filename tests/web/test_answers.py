"""What docs/anatomy.md says that the page answers is what it answers."""

from __future__ import annotations

import re

from tests.running.paths import REPOSITORY

ROOM = REPOSITORY / "clients" / "web" / "src" / "anatomy" / "words.ts"
PARTS = ("steps", "fewer", "words", "worlds")
PAGE = REPOSITORY / "docs" / "anatomy.md"


def test_the_answers_are_those_of_the_page():
    english = ROOM.read_text().split("  vi: {")[0]
    said = dict(re.findall(r'"((?:question|answer)-\w+)": "(.+?)",\n', english))
    quoted = re.findall(r"^> \*\*(.+?)\*\* (.+)$", PAGE.read_text(), re.MULTILINE)
    assert len(quoted) == 4
    pairs = {(said[f"question-{part}"], said[f"answer-{part}"]) for part in PARTS}
    assert set(quoted) == pairs
