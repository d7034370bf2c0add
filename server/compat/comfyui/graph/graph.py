"""A graph whose nodes, links and values were checked as ComfyUI checks them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from server.compat.comfyui.graph.declared import Input, NodeType
from server.compat.comfyui.graph.errors import NOT_HERE, BadGraph, NodeError, refused
from server.compat.comfyui.graph.names import Choices
from server.compat.comfyui.graph.nodes import HARMLESS, LOOSE, NODES

MAX_NODES = 500
"""Nodes of one graph: what is made here has a dozen."""

SHOWN = 60
"""Characters of a wrong value that are shown."""


@dataclass(frozen=True)
class Link:
    """The output of another node."""

    node: str
    slot: int


@dataclass(frozen=True)
class Node:
    """One node: its id in the graph, what it is, and its inputs, each a link or a checked value."""

    id: str
    type: NodeType
    inputs: dict[str, Any]

    def link(self, name: str) -> Link:
        """The link that an input is."""
        return cast("Link", self.inputs[name])

    def wrong(self, input: str, detail: str) -> BadGraph:
        """The answer that refuses this node for one of its inputs, or as a whole: it may be right
        in ComfyUI, and is not done here."""
        message = "Not done here"
        return refused([NodeError(self.id, self.type.name, input, NOT_HERE, message, detail)], [])


class Graph:
    """The nodes that the outputs of a graph need."""

    def __init__(self, nodes: dict[str, Node], outputs: list[Node]) -> None:
        self._nodes = nodes
        self.outputs = outputs

    def __getitem__(self, node_id: str) -> Node:
        return self._nodes[node_id]

    def source(self, node: Node, name: str) -> tuple[Node, int]:
        """The node that an input comes from, and which of its outputs."""
        link = node.link(name)
        return self._nodes[link.node], link.slot


def read(prompt: object, choices: Choices) -> Graph:
    """Check a graph. Raises BadGraph."""
    return _Reader(_known(prompt), choices).read()


def _known(prompt: object) -> dict[str, tuple[NodeType, dict[str, Any]]]:
    """Each node's type and inputs as they were sent. Raises BadGraph where one is none of ours."""
    if not isinstance(prompt, dict) or not prompt:
        raise BadGraph("no_prompt", "No prompt provided", "prompt must be an object of nodes")
    sent = cast("dict[str, Any]", prompt)
    if len(sent) > MAX_NODES:
        detail = f"a graph may have at most {MAX_NODES} nodes here; this one has {len(sent)}"
        raise BadGraph("invalid_prompt", f"Prompt is too large: {detail}", detail)
    known: dict[str, tuple[NodeType, dict[str, Any]]] = {}
    for node_id, node in sent.items():
        place = f"Node ID '#{node_id[:SHOWN]}'"
        each = cast("dict[str, Any]", node if isinstance(node, dict) else {})
        name: object = each.get("class_type")
        inputs: object = each.get("inputs") or {}
        if not isinstance(name, str):
            message = "Cannot execute because a node is missing the class_type property."
            raise BadGraph("invalid_prompt", f"{message} {place}", place)
        if name in LOOSE:
            continue
        if name not in NODES:
            message = f"Node '{name[:SHOWN]}' not found: it is not among those that are done here."
            error = NodeError(node_id, name[:SHOWN], "", "missing_node_type", message, place)
            raise BadGraph("missing_node_type", f"{message} {place}", place, [error])
        if not isinstance(inputs, dict):
            raise BadGraph("invalid_prompt", f"inputs must be an object. {place}", place)
        known[node_id] = NODES[name], cast("dict[str, Any]", inputs)
    return known


class _Reader:
    """Reads the nodes that the outputs need, and collects what is wrong with them."""

    def __init__(self, sent: dict[str, tuple[NodeType, dict[str, Any]]], choices: Choices) -> None:
        self._sent = sent
        self._choices = choices
        self._nodes: dict[str, Node] = {}
        self._errors: list[NodeError] = []

    def read(self) -> Graph:
        """The graph. Raises BadGraph."""
        outputs = [each for each, (kind, _) in self._sent.items() if kind.is_output]
        if not outputs:
            raise BadGraph("prompt_no_outputs", "Prompt has no outputs")
        for each in self._needed(outputs):
            self._read(each)
        if self._errors:
            raise refused(self._errors, outputs)
        self._refuse_circles(outputs)
        return Graph(self._nodes, [self._nodes[each] for each in outputs])

    def _needed(self, outputs: list[str]) -> Iterator[str]:
        """Each node that the outputs reach, once, the outputs first."""
        seen: set[str] = set()
        ahead = list(outputs)
        while ahead:
            node_id = ahead.pop(0)
            if node_id in seen:
                continue
            seen.add(node_id)
            yield node_id
            for value in self._sent[node_id][1].values():
                if _is_link(value) and value[0] in self._sent:
                    ahead.append(value[0])

    def _read(self, node_id: str) -> None:
        kind, sent = self._sent[node_id]
        inputs: dict[str, Any] = {}
        for name in sent.keys() - {each.name for each in kind.inputs} - HARMLESS:
            said = f"{name[:SHOWN]} is not an input of this node here"
            self._wrong(node_id, name[:SHOWN], "unknown_input", "Unknown input", said)
        for each in kind.inputs:
            if sent.get(each.name) is None:
                if each.required:
                    message = "Required input is missing"
                    self._wrong(node_id, each.name, "required_input_missing", message, each.name)
                continue
            value = sent[each.name]
            if isinstance(value, list):
                inputs[each.name] = self._linked(node_id, each, cast("list[Any]", value))
            elif each.is_link:
                self._bad_link(node_id, each)
            else:
                inputs[each.name] = self._value(node_id, each, value)
        self._nodes[node_id] = Node(node_id, kind, inputs)

    def _linked(self, node_id: str, each: Input, value: list[Any]) -> Any:
        if not _is_link(value):
            return self._bad_link(node_id, each)
        source, slot = str(value[0]), int(value[1])
        if source not in self._sent:
            detail = f"{each.name}: there is no node {source[:SHOWN]!r}"
            return self._bad_link(node_id, each, detail)
        kind, sent = self._sent[source]
        if not 0 <= slot < len(kind.outputs):
            detail = f"{each.name}: {kind.name} (node {source}) has no output {slot}"
            return self._bad_link(node_id, each, detail)
        given = kind.outputs[slot]
        if given != each.type and not (each.type == "COMBO" and given == "STRING"):
            detail = f"{each.name}, received_type({given}) mismatch input_type({each.type})"
            message = "Return type mismatch between linked nodes"
            return self._wrong(node_id, each.name, "return_type_mismatch", message, detail)
        if each.is_link:
            return Link(source, slot)
        # What gives values is a constant: its value counts as if it had been written here.
        return self._value(node_id, each, sent.get("value"))

    def _value(self, node_id: str, each: Input, value: Any) -> Any:
        try:
            converted = _converted(each, value)
        except (TypeError, ValueError, OverflowError):
            detail = f"{each.name}, {_show(value)}"
            message = f"Failed to convert an input value to a {each.type} value"
            return self._wrong(node_id, each.name, "invalid_input_type", message, detail)
        if each.type in ("INT", "FLOAT"):
            return self._within(node_id, each, converted)
        if each.type == "COMBO":
            return self._chosen(node_id, each, str(converted))
        return converted

    def _within(self, node_id: str, each: Input, value: float) -> Any:
        least, most = each.options.get("min"), each.options.get("max")
        if least is not None and value < least:
            message = f"Value {value} smaller than min of {least}"
            return self._wrong(node_id, each.name, "value_smaller_than_min", message, each.name)
        if most is not None and value > most:
            message = f"Value {value} bigger than max of {most}"
            return self._wrong(node_id, each.name, "value_bigger_than_max", message, each.name)
        return value

    def _chosen(self, node_id: str, each: Input, value: str) -> Any:
        if each.choices in ("images", "clip_vision"):
            # Pictures may be anywhere: whoever opens them says what there is not. Whichever encoder
            # is named, an adapter has its own.
            return value
        found = self._choices.find(each.choices, value)
        if found is None:
            known = ", ".join(self._choices.names(each.choices)) or "nothing"
            detail = f"{each.name}: {_show(value)} not in: {known}"
            return self._wrong(node_id, each.name, "value_not_in_list", "Value not in list", detail)
        return found

    def _bad_link(self, node_id: str, each: Input, detail: str = "") -> None:
        message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
        self._wrong(node_id, each.name, "bad_linked_input", message, detail or each.name)

    def _wrong(self, node_id: str, input: str, type: str, message: str, detail: str) -> None:
        name = self._sent[node_id][0].name
        self._errors.append(NodeError(node_id, name, input, type, message, detail))

    def _refuse_circles(self, outputs: list[str]) -> None:
        """Refuse a graph in which a node needs itself: nothing could begin."""
        done: set[str] = set()
        for output in outputs:
            path: list[str] = []
            ahead: list[tuple[str, bool]] = [(output, False)]
            while ahead:
                node_id, is_left = ahead.pop()
                if is_left:
                    done.add(path.pop())
                elif node_id in path:
                    name = self._nodes[node_id].type.name
                    said = f"{name} (node {node_id}) depends on itself"
                    message = f"Dependency cycle detected: {said}"
                    error = NodeError(node_id, name, "", "dependency_cycle", message, said)
                    raise BadGraph("dependency_cycle", message, said, [error], outputs)
                elif node_id not in done:
                    path.append(node_id)
                    ahead.append((node_id, True))
                    links = self._nodes[node_id].inputs.values()
                    ahead += [(each.node, False) for each in links if isinstance(each, Link)]


def _is_link(value: object) -> bool:
    if not isinstance(value, list):
        return False
    parts = cast("list[object]", value)
    return (
        len(parts) == 2
        and isinstance(parts[0], str)
        and isinstance(parts[1], int)
        and not isinstance(parts[1], bool)
    )


def _converted(each: Input, value: Any) -> Any:
    """A value as the type of its input, as forgivingly as ComfyUI. Raises ValueError, TypeError."""
    if isinstance(value, (dict, list)) or value is None:
        raise ValueError
    if each.type == "INT":
        return int(value)
    if each.type == "FLOAT":
        number = float(value)
        if not math.isfinite(number):
            raise ValueError
        return number
    if each.type == "BOOLEAN":
        return bool(value)
    return str(value)


def _show(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")
