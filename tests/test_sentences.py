"""What the server says with a code, the page says in each of its languages."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import cast

import pytest

from jobs.sentences import say, worded, wording_of
from tests.docs.sentences import FAILURES, KINDS, sentences, written
from tests.running.paths import REPOSITORY
from worker.engine import errors

I18N = REPOSITORY / "clients" / "web" / "src" / "i18n"
FILES = {file.stem: file for file in sorted((I18N / "sentences").glob("*.json"))}
LANGUAGES = {"vi", *(file.stem for file in (I18N / "languages").glob("*.json"))}
"""All that the page speaks but English, in which the server speaks for itself."""

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


def test_what_is_said_is_listed_for_programs_and_translators():
    assert len(sentences()) > 150
    listed = (REPOSITORY / "docs" / "sentences.json").read_text(encoding="utf-8")
    assert listed == written(), ".venv/bin/python -m tests.docs.sentences > docs/sentences.json"


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_page_has_every_sentence_in(language: str):
    file = cast("dict[str, dict[str, object]]", json.loads(FILES[language].read_text("utf-8")))
    said = sentences()
    assert sorted(file["sentences"]) == sorted(said)
    for code, text in file["sentences"].items():
        forms = cast("dict[str, str]", text).values() if isinstance(text, dict) else [str(text)]
        names = {name for form in forms for name in re.findall(r"\{(\w+)", form)}
        assert names <= set(cast("list[str]", said[code]["values"])), code


def test_each_way_in_which_the_engine_fails_is_said():
    failures = {
        re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
        for name, each in vars(errors).items()
        if isinstance(each, type) and issubclass(each, errors.EngineError)
    }
    # The page has words of its own for what was removed.
    assert failures - {"no_longer_offered"} == FAILURES.keys()


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
    found = list(_only_english())
    known = KINDS.keys() | SAID_TO_PROGRAMS.keys()
    assert [where for code, where in found if code not in known] == []
    assert SAID_TO_PROGRAMS.keys() <= {code for code, _ in found}, "what is no more said"


def test_the_text_of_an_exception_knows_its_wording():
    sentence = say("unresolved", "{host} could not be resolved", host="a.b")
    assert sentence == "a.b could not be resolved"
    wording = wording_of(str(ValueError(sentence)))
    assert wording is not None
    assert (wording.code, wording.values) == ("unresolved", {"host": "a.b"})
    assert wording_of(worded("other", wording)) == wording
    assert wording_of(f"{sentence}!") is None
