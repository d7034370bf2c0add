"""The page of what works with what."""

from __future__ import annotations

import re
from pathlib import Path

from tests.features.table import BESIDE, NOT_DONE, PASSED, TABLES, Cell, read_page

PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_page_has_every_cell_and_none_that_failed():
    wanted = {
        Cell(name, row, column): PASSED if table.does(row, column) else NOT_DONE
        for name, table in TABLES.items()
        for row in table.rows
        for column in table.columns
    }
    assert read_page(PAGE) == wanted


def test_the_page_names_what_does_not_go_by_the_family_and_where_it_is_tested():
    assert BESIDE in PAGE.read_text(encoding="utf-8")
    files = re.findall(r"`(tests/\S+)`", BESIDE)
    assert len(files) == BESIDE.count("\n- ")
    assert all((PAGE.parents[1] / file).is_file() for file in files)
