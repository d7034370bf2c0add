"""`python -m server.document > docs/openapi.json`: the API's description, for builds of clients."""

from __future__ import annotations

import json

from server.app import create_app
from server.openapi import document_of


def text() -> str:
    """The OpenAPI document as the file has it."""
    # Nothing is connected: the document is the same whatever Redis there is.
    document = document_of(create_app("redis://127.0.0.1:1/0", "memory://"))
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(text(), end="")
