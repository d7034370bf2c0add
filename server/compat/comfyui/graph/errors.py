"""What is wrong with a graph, in the words and the shape that ComfyUI has for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NOT_HERE = "custom_validation_failed"
"""ComfyUI's type of an error that none of its own names fits: what is not done here."""


@dataclass(frozen=True)
class NodeError:
    """One thing that is wrong with one node; `input` is empty where it is the node as a whole."""

    node: str
    class_type: str
    input: str
    type: str
    message: str
    detail: str
    extra: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def said(self) -> str:
        """The same as a sentence that names the node."""
        place = f", {self.input}" if self.input else ""
        return f"{self.class_type} (node {self.node}){place}: {self.message}: {self.detail}"


class BadGraph(Exception):
    """The caller gets a 400 in ComfyUI's shape, which names each node that is wrong."""

    def __init__(
        self,
        type: str,
        message: str,
        detail: str = "",
        nodes: list[NodeError] | None = None,
        outputs: list[str] | None = None,
    ) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.detail = detail
        self.nodes = nodes or []
        self.outputs = outputs or []

    def body(self) -> dict[str, Any]:
        """The answer's body."""
        error: dict[str, Any] = {
            "type": self.type,
            "message": self.message,
            "details": self.detail,
            "extra_info": {},
        }
        return {"error": error, "node_errors": self._by_node()}

    def _by_node(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for each in self.nodes:
            of_node = found.setdefault(
                each.node,
                {
                    "errors": [],
                    "dependent_outputs": self.outputs,
                    "class_type": each.class_type,
                },
            )
            of_node["errors"].append(
                {
                    "type": each.type,
                    "message": each.message,
                    "details": each.detail,
                    "extra_info": {"input_name": each.input, **each.extra},
                }
            )
        return found


def refused(errors: list[NodeError], outputs: list[str]) -> BadGraph:
    """The answer to a graph whose nodes are wrong."""
    said = "; ".join(each.said for each in errors)
    message = f"Prompt outputs failed validation: {said}"
    return BadGraph("prompt_outputs_failed_validation", message, said, errors, outputs)
