"""What there is: nodes with their lists, models by folder, the machine."""

from __future__ import annotations

import os
import platform
from typing import Any

import psutil
from flask import Blueprint, Response, jsonify

from jobs.records.workers import live
from server.compat.comfyui.graph.declared import Input, NodeType
from server.compat.comfyui.graph.names import FOLDERS, Choices, bare
from server.compat.comfyui.graph.nodes import NODES
from server.compat.comfyui.inputs import current_inputs
from server.door.auth import caller
from server.errors import ApiError
from server.openapi import server_version
from server.requests.submission import known_models
from server.resources import resources

FEATURES: dict[str, Any] = {"supports_preview_metadata": False, "extension": {}}

blueprint = Blueprint("comfyui_catalogue", __name__)


@blueprint.get("/object_info")
def describe_nodes() -> Response:
    """Every node that is taken, with what may be chosen at each."""
    choices = _choices()
    return jsonify({name: _described(each, choices) for name, each in NODES.items()})


@blueprint.get("/object_info/<node>")
def describe_node(node: str) -> Response:
    """One of them; nothing for one that is not taken."""
    found = NODES.get(node)
    return jsonify({node: _described(found, _choices())} if found else {})


@blueprint.get("/embeddings")
def list_embeddings() -> Response:
    """The embeddings of all models."""
    return jsonify([bare(name) for name in _choices().names("embeddings")])


@blueprint.get("/models")
def list_folders() -> Response:
    """The folders in which ComfyUI has what there is here."""
    return jsonify(list(FOLDERS))


@blueprint.get("/models/<folder>")
def list_models(folder: str) -> Response:
    """What is in one of them."""
    if folder not in FOLDERS:
        there_are = ", ".join(FOLDERS)
        raise ApiError(
            404, "not-found", f"there is no folder {folder[:60]!r}; there are {there_are}"
        )
    return jsonify(_choices().names(folder))


@blueprint.get("/extensions")
def list_extensions() -> Response:
    """None: nothing of ComfyUI's page is here."""
    return jsonify([])


@blueprint.get("/features")
def list_features() -> Response:
    """What of the protocol's newer parts is spoken."""
    return jsonify(FEATURES)


@blueprint.get("/system_stats")
def system_stats() -> Response:
    """The API's machine, and for an admin the devices of workers; how much memory those have only
    they know: 0 stands for that."""
    memory = psutil.virtual_memory()
    workers = live(resources().redis) if caller().is_admin else []
    unknown = {"vram_total": 0, "vram_free": 0, "torch_vram_total": 0, "torch_vram_free": 0}
    devices = [
        {"name": each.device, "type": each.device.partition(":")[0], "index": index, **unknown}
        for index, each in enumerate(workers)
    ]
    system: dict[str, Any] = {
        "os": os.name,
        "ram_total": memory.total,
        "ram_free": memory.available,
        "comfyui_version": f"Darkroom {server_version()}",
        "python_version": platform.python_version(),
        "pytorch_version": "",
        "embedded_python": False,
        "argv": [],
    }
    return jsonify(system=system, devices=devices)


def _choices() -> Choices:
    return Choices(known_models(), current_inputs().names())


def _described(node: NodeType, choices: Choices) -> dict[str, Any]:
    inputs: dict[str, dict[str, Any]] = {"required": {}}
    for each in node.inputs:
        inputs.setdefault("required" if each.required else "optional", {})
        inputs["required" if each.required else "optional"][each.name] = _input(each, choices)
    return {
        "input": inputs,
        "input_order": {kind: list(names) for kind, names in inputs.items()},
        "output": list(node.outputs),
        "output_is_list": [False] * len(node.outputs),
        "output_name": list(node.output_names or node.outputs),
        "name": node.name,
        "display_name": node.title,
        "description": "",
        "python_module": "nodes",
        "category": node.category,
        "output_node": node.is_output,
    }


def _input(each: Input, choices: Choices) -> list[Any]:
    kind: Any = choices.names(each.choices) if each.type == "COMBO" else each.type
    return [kind, each.options] if each.options or not each.is_link else [kind]
