"""The page of what works with what."""

from __future__ import annotations

from pathlib import Path

from tests.features.table import NOT_DONE, PASSED, TABLES, Cell, read_page

PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_page_has_every_cell_and_none_that_failed():
    wanted = {
        Cell(name, row, column): PASSED if table.does(row, column) else NOT_DONE
        for name, table in TABLES.items()
        for row in table.rows
        for column in table.columns
    }
    assert read_page(PAGE) == wanted
