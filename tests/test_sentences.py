"""What the server says with a code, the page says in its own words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from jobs.sentences import say, worded, wording_of
from tests.running.paths import REPOSITORY

SOURCES = REPOSITORY / "clients" / "web" / "src"
SAID = (
    SOURCES / "models" / "said.ts",
    SOURCES / "make" / "prompt-refusals.ts",
    SOURCES / "make" / "refusals.ts",
    SOURCES / "ui" / "refused.ts",
    SOURCES / "jobs" / "card" / "notes.ts",
)
BUILT = {
    *("too-long-styled", "too-long-picked"),
    *(f"{kind}-{of}" for kind in ("quota", "limit") for of in ("in-flight", "day")),
    *(f"{kind}-{of}-total" for kind in ("quota", "limit") for of in ("in-flight", "day")),
    *("quota-queued", "quota-requests", "quota-requests-total"),
}
"""Codes that are put together where they are said."""

SAID_TO_PROGRAMS = {
    "bad-chunks": "a browser sends none",
    "bad-handshake": "the page opens no WebSocket",
    "bad-multipart": "a browser writes it",
    "too-large": "the page sends a file as long as it said",
    "conflict": "the page sends a file by one way",
    "not-addable": "the page gives no sha256",
    "body": "the page sends JSON objects",
    "multipart": "the page sends each field once",
    "recipes": "the page says by itself what a dropped picture's recipe lacks",
}
"""Codes of problems, and files with fields, of which the page is told nothing; each with why."""

REFUSALS = {"ApiError": 2, "Unavailable": 1, "FieldError": None, "BadPrompt": None}
"""What refuses, and which of its arguments is the sentence where it is not `detail`."""

CALL = re.compile(r'\b(?:say|_bound|BadPrompt)\(\s*"([a-z0-9-]+)"')
ENTRY = re.compile(r'^ {2}"?([a-z0-9-]+)"?: \(', re.MULTILINE)


def test_the_page_has_every_sentence_in_vietnamese():
    files = (
        each
        for part in ("grammar", "jobs", "server", "worker")
        for each in (REPOSITORY / part).rglob("*.py")
    )
    codes = {code for each in files for code in CALL.findall(each.read_text(encoding="utf-8"))}
    texts = (each.read_text(encoding="utf-8") for each in SAID)
    there = {code for text in texts for code in ENTRY.findall(text[text.index("const vi") :])}
    assert len(codes) > 40
    assert there == codes | BUILT


def _only_english() -> Iterator[tuple[str, str]]:
    """Refusals that are only an English text: the problem's code or else the file, and where."""
    for part in ("grammar", "jobs", "server"):
        for file in sorted((REPOSITORY / part).rglob("*.py")):
            if "compat" in file.parts:
                continue
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                    continue
                if call.func.id not in REFUSALS:
                    continue
                place = REFUSALS[call.func.id]
                if place is None:
                    told = [each.value for each in call.keywords if each.arg == "detail"]
                    # The first of what a prompt's reader refuses is its code.
                    told += call.args[:1]
                    code = file.stem
                else:
                    told = call.args[place : place + 1]
                    code = ast.unparse(call.args[place - 1]).strip("'")
                if any(_is_text(each) for each in told):
                    yield code, f"{file.relative_to(REPOSITORY)}:{call.lineno}"


def _is_text(told: ast.expr) -> bool:
    plain = isinstance(told, ast.Constant) and isinstance(told.value, str) and " " in told.value
    return plain or isinstance(told, ast.JoinedStr)


def test_a_refusal_has_a_code_by_which_the_page_says_it():
    text = SOURCES.joinpath("ui", "refused.ts").read_text(encoding="utf-8")
    kinds = set(ENTRY.findall(text[: text.index("const vi")]))
    found = list(_only_english())
    assert [where for code, where in found if code not in kinds | SAID_TO_PROGRAMS.keys()] == []
    assert SAID_TO_PROGRAMS.keys() <= {code for code, _ in found}, "what is no more said"


def test_the_text_of_an_exception_knows_its_wording():
    sentence = say("unresolved", "{host} could not be resolved", host="a.b")
    assert sentence == "a.b could not be resolved"
    wording = wording_of(str(ValueError(sentence)))
    assert wording is not None
    assert (wording.code, wording.values) == ("unresolved", {"host": "a.b"})
    assert wording_of(worded("other", wording)) == wording
    assert wording_of(f"{sentence}!") is None
