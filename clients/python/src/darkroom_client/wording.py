"""What the server says, for programs that say it themselves, in another language for instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Wording:
    """A sentence by its code and what stands in it: `Wording("above", {"limit": 150})`.

    The server's docs/sentences.json has the English text of each code and the names of its values.
    """

    code: str
    values: Mapping[str, Any]


def wording_of(data: Mapping[str, Any]) -> Wording | None:
    """The wording of what the server said; None where the sentence has no code."""
    wording = data.get("wording")
    return Wording(wording["code"], wording.get("values", {})) if wording else None
