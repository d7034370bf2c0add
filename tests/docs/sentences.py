"""docs/sentences.json: all that the server and its workers say with a code, in English.

    .venv/bin/python -m tests.docs.sentences > docs/sentences.json

It is read from the source: whoever says a sentence has its text beside it.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.running.paths import REPOSITORY

PACKAGES = ("grammar", "jobs", "server", "worker")

SAYING = {"say", "BadPrompt"}
"""Called with a code, a template and the values that stand in it."""

BOUND = ("limit", "given")
"""The values of `_bound`, which takes no template but what comes before the limit."""

IN_FLIGHT, A_DAY = "unfinished pictures", "pictures in a day"

BUILT = {
    "counts-as": (
        "makes the job count as {pictures} pictures; {limit} is the limit of pictures",
        ("pictures", "limit"),
    ),
    "too-long-styled": (
        "must be at most {most} characters; with its styles it has {has}",
        ("most", "has", "picture"),
    ),
    "too-long-picked": (
        "must be at most {most} characters; as picture {picture} has it it has {has}",
        ("most", "has", "picture"),
    ),
    "quota-queued": (
        "a user's waiting jobs are limited to {limit}; {left} left",
        ("limit", "left"),
    ),
    "quota-requests": (
        "{limit} requests of one caller in a minute are the limit",
        ("limit",),
    ),
    "quota-requests-total": (
        "{limit} requests of all callers in a minute are the limit",
        ("limit",),
    ),
    **{
        f"quota-{name}{total}": (
            f"{whose} {what} are limited to {{limit}}; {{left}} left",
            ("limit", "left"),
        )
        for name, what in (("in-flight", IN_FLIGHT), ("day", A_DAY))
        for total, whose in (("", "a user's"), ("-total", "all users'"))
    },
    **{
        f"limit-{name}{total}": (
            f"must be at most {{limit}}, the limit of {whose} {what}",
            ("limit",),
        )
        for name, what in (("in-flight", IN_FLIGHT), ("day", A_DAY))
        for total, whose in (("", "a user's"), ("-total", "all users'"))
    },
}
"""Sentences whose codes are put together where they are said, with the names of their values."""

KINDS = {
    "admin-only": "only an admin's device, or the server itself, may do that",
    "bad-signature": "this address is not good any more; open the picture again",
    "busy": "the server is looking at as many models as it can; try again in a moment",
    "deleted": "the job was deleted",
    "favourites": "favourites have no name of their own",
    "internal-error": "something went wrong on the server; its log says what",
    "no-answer": "no worker answered in time; ask again",
    "no-tls": "this server speaks plain http alone: start it with TLS=true",
    "no-worker": "no worker is running that can do this",
    "not-found": "it is not there; it may have been deleted",
    "redis-disk-full": "the queue cannot be written to the disk just now",
    "redis-full": "the queue's memory is full: delete some pictures, or have more memory given",
    "redis-unavailable": "the queue does not answer just now",
    "request-entity-too-large": "the request is too large",
    "request-timeout": "the request came too slowly",
    "store-unavailable": "the store of pictures does not answer",
    "too-many-pictures": "the server is reading as many pictures as it can",
    "too-many-streams": "the server has as many connections as it can",
    "too-many-uploads": "the server is taking as many files as it can",
    "wrong-token": "this code is wrong, or is not good any more",
}
"""What is said by the kind of a problem alone, where its detail is in English only."""

FAILURES = {
    "deadline_exceeded": "it was not ready in time.",
    "engine_error": "it could not be made.",
    "invalid_request": "the model does not do what was asked of it.",
    "model_unavailable": "the model, or what was to be added to it, cannot be loaded.",
    "not_finite": "nothing came of it but numbers without end; other settings would help.",
    "out_of_memory": "there is not enough memory for it; ask for a smaller picture.",
}
"""What is said by the code of a job's error alone."""


@cache
def sentences() -> dict[str, dict[str, object]]:
    """By its code what each sentence is in English, and which values come with it."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for package in PACKAGES:
        for file in sorted((REPOSITORY / package).rglob("*.py")):
            for code, text, values in _said(file):
                before, named = found.get(code, (text, ()))
                found[code] = before, tuple(dict.fromkeys((*named, *values)))
    found |= BUILT
    found |= {code: (text, ()) for code, text in {**KINDS, **FAILURES}.items() if code not in found}
    return {
        code: {"text": _plain(text), "values": list(values)}
        for code, (text, values) in sorted(found.items())
    }


def written() -> str:
    return json.dumps(sentences(), indent=2, ensure_ascii=False) + "\n"


def _said(file: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Each code that a file says, with its template and the names of its values."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for scope, call in _calls(tree, tree):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name != "_bound" and name not in SAYING:
            continue
        values = tuple(each.arg for each in call.keywords if each.arg)
        texts = [_text(each, scope) for each in call.args]
        if name != "_bound" and len(texts) > 1 and isinstance(call.args[0], ast.Constant):
            if any(each.arg is None for each in call.keywords):
                values += _spread(scope)
            yield texts[0], texts[1], values
        elif name == "_bound" and isinstance(call.args[0], ast.Constant):
            yield texts[0], f"{texts[1]} {{limit}}; it is {{given}}", BOUND


def _calls(tree: ast.AST, scope: ast.AST) -> Iterator[tuple[ast.AST, ast.Call]]:
    """Each call, with the function that it stands in."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Call):
            yield scope, child
        yield from _calls(child, child if isinstance(child, ast.FunctionDef) else scope)


def _text(node: ast.expr, scope: ast.AST) -> str:
    """A literal, or what a name was given in the same function."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name):
        given = [
            each.value
            for each in ast.walk(scope)
            if isinstance(each, ast.Assign)
            and ast.unparse(each.targets[0]) == node.id
            and each.lineno <= node.lineno
        ]
        if given:
            return _text(max(given, key=lambda each: each.lineno), scope)
    return ""


def _spread(scope: ast.AST) -> tuple[str, ...]:
    """The names of the values that a function collects for its sentences."""
    literals = (each for each in ast.walk(scope) if isinstance(each, ast.Dict))
    return tuple(
        str(key.value) for each in literals for key in each.keys if isinstance(key, ast.Constant)
    )


def _plain(template: str) -> str:
    """Without Python's own ways to write a value."""
    return re.sub(r"\{(\w+)(?:![rs])?(?::[^}]*)?\}", r"{\1}", template)


if __name__ == "__main__":
    sys.stdout.write(written())
