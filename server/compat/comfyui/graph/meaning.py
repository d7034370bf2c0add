"""What a graph asks for, and which node says what of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from jobs.request.request import FieldError, GenerationRequest
from server.compat.comfyui.graph.errors import NOT_HERE, BadGraph, NodeError, refused
from server.compat.comfyui.graph.graph import Node
from server.requests.validation import field_errors

SENT = "sent"
"""Stands in a field whose picture is passed beside the request."""


Place = tuple[Node, str]
"""A node and one of its inputs."""


@dataclass
class Meaning:
    """What a graph asks for: the fields of a request, its pictures, and whence each field is."""

    outputs: list[Node]
    worker: Node
    """The node that the work is shown at: the first sampler, or what enlarges."""

    second: Node | None = None
    first_steps: int = 0
    """Steps that the first sampler makes, over all pictures."""

    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    parts: dict[str, bytes] = field(default_factory=dict[str, bytes])
    places: dict[str, Place] = field(default_factory=dict[str, Place])
    notes: list[str] = field(default_factory=list[str])

    def put(self, name: str, value: Any, node: Node, input: str) -> None:
        """A field, and where the graph says it."""
        self.fields[name] = value
        self.places[f"/{name}"] = node, input

    def request(self) -> GenerationRequest:
        """The request. Raises BadGraph."""
        try:
            return GenerationRequest(**self.fields)
        except ValidationError as error:
            raise self.refused(field_errors(error)) from None

    def refused(self, errors: Iterable[FieldError]) -> BadGraph:
        """What is wrong with fields, as what is wrong with the nodes that say them."""
        found: list[NodeError] = []
        for each in errors:
            node, input = self._place(each.pointer)
            kind = "value_not_in_list" if "is named" in each.detail else NOT_HERE
            message = "Value not in list" if kind != NOT_HERE else "Value not possible here"
            found.append(NodeError(node.id, node.type.name, input, kind, message, each.detail))
        return refused(found, [each.id for each in self.outputs])

    def _place(self, pointer: str) -> Place:
        known = [each for each in self.places if f"{pointer}/".startswith(f"{each}/")]
        return self.places[max(known, key=len)] if known else (self.worker, "")
