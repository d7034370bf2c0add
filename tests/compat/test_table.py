"""docs/clients.md names every endpoint, and for each who has proven it."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.compat.endpoints import PAGE, endpoints, marked_tests, read_table


def test_every_endpoint_is_in_the_table_and_none_else(app: Flask) -> None:
    assert set(read_table(PAGE)) == endpoints(app)


def test_every_endpoint_has_a_test_and_no_test_names_another(app: Flask) -> None:
    assert set().union(*marked_tests().values()) == endpoints(app)


def test_the_table_says_what_has_passed(
    proofs: dict[str, set[str]], passed: set[str], request: pytest.FixtureRequest
) -> None:
    """All of it where all of these tests were run before this one."""
    table = read_table(PAGE)
    for route, clients in proofs.items():
        assert clients <= table[route], f"run `make endpoints`: {route} is proven by {clients}"
    ran = {name.partition("[")[0].partition("compat/")[2] for name in passed}
    if set(marked_tests()) <= ran and not request.session.testsfailed:
        assert table == proofs
