"""What stands in bodies of ComfyUI's clients."""

from __future__ import annotations

from typing import Any, cast

from server.errors import ApiError


def sent_ids(sent: dict[str, Any], name: str) -> list[str]:
    """A list of ids in a body; none where it was left out. Raises a 400."""
    value: object = sent.get(name) or []
    if not isinstance(value, list):
        raise ApiError(400, "invalid-request", f"{name}: must be a list of ids")
    return [str(each) for each in cast("list[object]", value)]
