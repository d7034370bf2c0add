"""The page's files: how they are served, and what is said where they are not built."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from server.pages import page
from tests.running.paths import API

HTML = "text/html; charset=utf-8"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page of two files, in the place of the real one."""
    folder = tmp_path / "app"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Darkroom</title>")
    (folder / "assets" / "index-1234.js").write_text("1;")
    (folder / "logo.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("no")
    monkeypatch.setattr(page, "FOLDER", folder)
    return folder


@pytest.mark.parametrize("path", ["/", "/pair"])
def test_the_page_is_checked_for_changes_each_time(client: FlaskClient, built: Path, path: str):
    with client.get(path) as answer:
        assert answer.status_code == 200
        assert answer.content_type == HTML
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.data == (built / "index.html").read_bytes()
        etag = answer.headers["ETag"]
    with client.get(path, headers={"If-None-Match": etag}) as again:
        assert (again.status_code, again.data) == (304, b"")


def test_files_named_by_their_content_are_kept_and_others_are_not(client: FlaskClient, built: Path):
    for name, cache, kind in (
        ("assets/index-1234.js", "public, max-age=31536000, immutable", "text/javascript"),
        ("logo.svg", "no-cache", "image/svg+xml"),
    ):
        with client.get(f"/static/app/{name}") as answer:
            assert answer.status_code == 200
            assert answer.mimetype == kind
            assert answer.headers["Cache-Control"] == cache


def test_whoever_mistypes_an_address_gets_a_page_and_a_program_a_problem(client: FlaskClient):
    browser = {"Accept": "text/html,image/png,*/*;q=0.8"}
    answer = client.get("/gallary", headers=browser)
    assert (answer.status_code, answer.content_type) == (404, HTML)
    assert 'href="/"' in answer.text
    for path, headers in (("/gallary", {"Accept": "*/*"}), (f"{API}/jobz", browser)):
        problem = client.get(path, headers=headers)
        assert (problem.status_code, problem.mimetype) == (404, "application/problem+json")


@pytest.mark.parametrize("path", ["/", "/pair"])
def test_a_page_that_is_not_built_says_what_to_do_and_is_no_error(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
):
    monkeypatch.setattr(page, "FOLDER", tmp_path / "nothing")
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; charset=utf-8"
    assert "make up" in answer.text
    assert client.get("/static/app/logo.svg").status_code == 404
    assert client.get(f"{API}/docs").status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "../secret.txt",
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "assets/../../secret.txt",
        "assets/..%5c..%5csecret.txt",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "assets",
        "",
        "nothing.js",
    ],
)
def test_no_path_leads_out_of_the_pages_folder(client: FlaskClient, built: Path, name: str):
    with client.get(f"/static/app/{name}") as answer:
        assert answer.status_code == 404


def test_the_documentations_style_is_there_without_the_page(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(page, "FOLDER", tmp_path / "nothing")
    with client.get("/static/docs.css") as answer:
        assert (answer.status_code, answer.mimetype) == (200, "text/css")


def test_a_client_that_takes_gzip_gets_what_was_compressed_at_the_build(
    client: FlaskClient, built: Path
):
    (built / "assets" / "index-1234.js.gz").write_bytes(gzip.compress(b"1;"))
    address = "/static/app/assets/index-1234.js"
    with client.get(address, headers={"Accept-Encoding": "br, gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.mimetype == "text/javascript"
        assert gzip.decompress(answer.data) == b"1;"
    with client.get(address) as plain:
        assert "Content-Encoding" not in plain.headers
        assert plain.data == b"1;"
        assert "Accept-Encoding" in plain.headers["Vary"]


def test_no_compressed_file_is_served_from_outside_the_folder(client: FlaskClient, built: Path):
    (built.parent / "secret.txt.gz").write_bytes(gzip.compress(b"no"))
    answer = client.get("/static/app/../secret.txt", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 404
