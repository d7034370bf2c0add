"""What the page is made of: small, self-contained, and fit for a strict policy."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient

from server.app import create_app
from server.page import FOLDER
from server.resources import of

FILES = sorted(FOLDER.iterdir())
SCRIPTS = [file for file in FILES if file.suffix == ".js"]
HTML = (FOLDER / "index.html").read_text()

BUDGET = 40 * 1024
"""Bytes of the whole page: a phone on a poor Wi-Fi has it at once."""

TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".html": "text/html",
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    app = create_app("redis://127.0.0.1:1", str(tmp_path))
    yield app.test_client()
    of(app).close()


def test_the_page_is_there_while_redis_is_away(client: FlaskClient):
    with client.get("/") as answer:
        assert answer.status_code == 200
        assert answer.mimetype == "text/html"
        assert answer.text == HTML


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_is_served_with_its_type(client: FlaskClient, file: Path):
    with client.get(f"/static/page/{file.name}") as answer:
        assert answer.status_code == 200
        assert answer.mimetype == TYPES[file.suffix]
        assert answer.data == file.read_bytes()


def test_everything_the_page_refers_to_exists():
    for name in re.findall(r'(?:src|href)="([^"]+)"', HTML):
        assert (FOLDER / name.removeprefix("/static/page/")).is_file(), name
    for script in SCRIPTS:
        for name in re.findall(r'from "\./([^"]+)"', script.read_text()):
            assert (FOLDER / name).is_file(), f"{script.name} imports {name}"


def test_the_scripts_look_for_ids_that_the_page_has():
    ids = set(re.findall(r'\bid="([^"]+)"', HTML))
    for script in SCRIPTS:
        wanted = set(re.findall(r'getElementById\("([^"]+)"\)', script.read_text()))
        assert wanted <= ids, script.name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_file_names_another_host(file: Path):
    text = file.read_bytes().decode(errors="replace")
    text = text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|url\(\s*['\"]?//|@import", text)


def test_there_is_no_inline_script_or_style():
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", HTML)
    assert re.findall(r"<script[^>]*>(.*?)</script>", HTML) == [""]
    for script in SCRIPTS:
        assert not re.search(r"innerHTML|outerHTML|\beval\(|new Function", script.read_text())


def test_the_whole_page_is_under_40_kib():
    assert sum(file.stat().st_size for file in FILES) < BUDGET


def test_the_html_is_valid():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of html5lib, about itself
        import html5lib
    html5lib.HTMLParser(strict=True).parse(HTML)
    ElementTree.parse(FOLDER / "logo.svg")


def test_every_field_has_a_label():
    for field in re.findall(r"<(?:input|select|textarea)\b[^>]*>", HTML):
        before = HTML[: HTML.index(field)]
        assert before.rfind("<label") > before.rfind("</label>"), field
