"""What the server says with a code, the page says in its own words."""

from __future__ import annotations

import re

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

CALL = re.compile(r'\b(?:say|_bound)\(\s*"([a-z0-9-]+)"')
ENTRY = re.compile(r'^ {2}"?([a-z0-9-]+)"?: \(', re.MULTILINE)


def test_the_page_has_every_sentence_in_vietnamese():
    files = (
        each for part in ("jobs", "server", "worker") for each in (REPOSITORY / part).rglob("*.py")
    )
    codes = {code for each in files for code in CALL.findall(each.read_text(encoding="utf-8"))}
    texts = (each.read_text(encoding="utf-8") for each in SAID)
    there = {code for text in texts for code in ENTRY.findall(text[text.index("const vi") :])}
    assert len(codes) > 40
    assert there == codes | BUILT


def test_the_text_of_an_exception_knows_its_wording():
    sentence = say("unresolved", "{host} could not be resolved", host="a.b")
    assert sentence == "a.b could not be resolved"
    wording = wording_of(str(ValueError(sentence)))
    assert wording is not None
    assert (wording.code, wording.values) == ("unresolved", {"host": "a.b"})
    assert wording_of(worded("other", wording)) == wording
    assert wording_of(f"{sentence}!") is None
