"""The table of docs/clients.md: which endpoint was proven by whom, and how it is written."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import httpx
import httpx2
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from server.compat import comfyui, ollama
from tests.running.paths import REPOSITORY

HERE = Path(__file__).parent
PAGE = REPOSITORY / "docs" / "clients.md"
BEGIN = "<!-- endpoints: written by `make endpoints` -->"
END = "<!-- /endpoints -->"

PREFIXES = ("/v1/", "/sdapi/", "/controlnet/", "/internal/", *ollama.PREFIXES, *comfyui.PREFIXES)

BELOW_API = re.compile(rf"^/api(?=({'|'.join(comfyui.PREFIXES)}))")
"""What ComfyUI's paths may have before them: each is there twice, and is one endpoint."""

CLIENTS = {
    "OpenAI/": "`openai`",
    "AsyncOpenAI/": "`openai`",
    "ollama-python/": "`ollama`",
    "python-requests/": "`webuiapi`",
}
"""Clients that tests use unchanged, by what the programs say they are."""

PLAIN = "plain HTTP"
"""A test's own request, in the shape that the contract gives."""

Proofs = Mapping[str, set[str]]
"""The clients that have proven an endpoint, by its method and path."""


def endpoints(app: Flask) -> set[str]:
    """Every endpoint of other servers' APIs: `GET /v1/models/{id}`."""
    return {
        f"{method} {re.sub('<[^>]*>', '{id}', BELOW_API.sub('', rule.rule))}"
        for rule in app.url_map.iter_rules()
        if BELOW_API.sub("", rule.rule).startswith(PREFIXES)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def marked(item: pytest.Item) -> set[str]:
    """The endpoints that a test says it proves."""
    return {route for mark in item.iter_markers("endpoint") for route in mark.args}


def marked_tests() -> dict[str, set[str]]:
    """The same of each function of these tests, whichever of them are run now."""
    found: dict[str, set[str]] = {}
    for file in sorted(HERE.rglob("test_*.py")):
        path = file.relative_to(HERE)
        module = importlib.import_module(".".join(("tests", "compat", *path.with_suffix("").parts)))
        for name, function in vars(module).items():
            marks = _marks(module) + _marks(function)
            routes = {route for mark in marks if mark.name == "endpoint" for route in mark.args}
            if name.startswith("test_") and routes:
                found[f"{path.as_posix()}::{name}"] = routes
    return found


def client_of(item: pytest.Item, agent: str) -> str:
    """Who sent a test's request: the program that its file replays, else who the sender says."""
    replayed = cast("str | None", getattr(cast("Any", item).module, "CLIENT", None))
    if replayed is not None:
        return f"replay of {replayed}"
    return next((name for start, name in CLIENTS.items() if agent.startswith(start)), PLAIN)


@contextmanager
def listening(heard: Callable[[str, str, str], None]) -> Generator[None]:
    """Hear method, path and user agent of each request that is sent, which goes on unchanged."""
    with pytest.MonkeyPatch.context() as patch:
        for sender in (httpx.Client, httpx2.Client, requests.Session):
            patch.setattr(sender, "send", _heard(sender.send, heard))
        for sender in (httpx.AsyncClient, httpx2.AsyncClient):
            patch.setattr(sender, "send", _heard(sender.send, heard))
        patch.setattr(FlaskClient, "open", _heard_inside(FlaskClient.open, heard))
        aio = aiohttp.ClientSession
        patch.setattr(aio, "_request", _heard_of_aiohttp(cast("Any", aio)._request, heard))
        yield


def proven(routes: Iterable[str], method: str, path: str) -> Iterator[str]:
    """Those of some endpoints that a request was for."""
    for route in routes:
        pattern = re.sub(r"\\\{\w+\\\}", ".+", re.escape(route))
        if re.fullmatch(pattern, f"{method} {BELOW_API.sub('', path)}"):
            yield route


def write_table(target: Path, proofs: Proofs) -> None:
    """Put the table between the two comments of a page, and leave all else as it is."""
    page = target.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise pytest.UsageError(f"{target} has no place for the table: {BEGIN} ... {END}")
    rows = [f"| `{route}` | {_names(proofs[route])} |" for route in sorted(proofs, key=_order)]
    table = "\n".join(["| Endpoint | Proven by |", "|---|---|", *rows])
    target.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def read_table(page: Path) -> dict[str, set[str]]:
    """What the table says."""
    _, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", rest.partition(END)[0], re.MULTILINE)
    return {route: set(names.split(", ")) for route, names in rows}


def _heard(send: Any, heard: Callable[[str, str, str], None]) -> Any:
    def sent(self: object, request: Any, *args: Any, **options: Any) -> Any:
        path = httpx.URL(str(request.url)).path
        heard(request.method, path, request.headers.get("User-Agent", ""))
        return send(self, request, *args, **options)

    return sent


def _heard_of_aiohttp(send: Any, heard: Callable[[str, str, str], None]) -> Any:
    def sent(self: object, method: str, url: Any, **options: Any) -> Any:
        heard(method, httpx.URL(str(url)).path, "")
        return send(self, method, url, **options)

    return sent


def _heard_inside(send: Any, heard: Callable[[str, str, str], None]) -> Any:
    def sent(self: object, *args: Any, **options: Any) -> Any:
        if args and isinstance(args[0], str):
            heard(str(options.get("method", "GET")), args[0].partition("?")[0], "")
        return send(self, *args, **options)

    return sent


def _marks(of: object) -> list[pytest.Mark]:
    marks = getattr(of, "pytestmark", [])
    each = cast("list[Any]", marks if isinstance(marks, list) else [marks])
    return [cast("pytest.Mark", getattr(mark, "mark", mark)) for mark in each]


def _names(clients: set[str]) -> str:
    """The real clients first, the tests' own requests last."""
    return ", ".join(sorted(clients, key=lambda name: (name == PLAIN, name[0] != "`", name)))


def _order(route: str) -> tuple[int, str, str]:
    method, path = route.split(" ")
    number = next(i for i, prefix in enumerate(PREFIXES) if path.startswith(prefix))
    return number, path, method
