"""docs/families.md is about every family whose rows share forwards."""

from __future__ import annotations

import re

from tests.running.paths import REPOSITORY
from tests.tiny.pipelines.pipelines import SAVERS
from tests.worker.families.comparing.page import INTRODUCTION, NOTES, PAGE, SAID
from tests.worker.families.conftest import SPRINT
from worker.engine.families.known import TRANSFORMERS


def test_every_family_has_its_line_in_the_page_of_families():
    written = (REPOSITORY / PAGE).read_text(encoding="utf-8")
    assert written.startswith(INTRODUCTION)
    assert written.endswith(NOTES)
    assert set(re.findall(r"^\| `([\w-]+)` \|", written, re.MULTILINE)) == SAID.keys()
    assert SAID.keys() == {*SAVERS, SPRINT} == {*TRANSFORMERS, "kolors"}
