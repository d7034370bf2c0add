"""What conditions a sampler: its checkpoint, LoRAs, texts and ControlNets, followed backwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from jobs.request.model_card import name_of_file
from server.compat.comfyui.graph.graph import Graph, Node
from server.compat.comfyui.graph.names import bare

EMBEDDING = re.compile(r"\bembedding:([\w./\\-]*[\w-])")
"""ComfyUI's word for an embedding, which is named by its file; here its name alone is one."""

OURS = re.compile(r"\[|\bAND\b|\bBREAK\b|<\s*(?:lora|lyco)\s*:|\{[^{}]*\|")
"""What says something in a prompt here that ComfyUI takes for words."""

LORAS = ("LoraLoader", "LoraLoaderModelOnly")

REFERENCES = ("IPAdapter", "IPAdapterAdvanced")
"""Nodes that have a model look at pictures. What else it comes through only loads what they use."""

TEXTS = (
    "CLIPTextEncode",
    "CLIPTextEncodeSDXL",
    "TextEncodeQwenImageEdit",
    "TextEncodeQwenImageEditPlus",
)
"""Nodes that make conditioning of words."""


@dataclass(frozen=True)
class Lora:
    """A LoRA, and the node that adds it."""

    node: Node
    name: str
    weight: float


@dataclass(frozen=True)
class Model:
    """A checkpoint with the LoRAs that are added to it, and the nodes that have it look at
    pictures, of each the first first."""

    checkpoint: Node
    loras: list[Lora]
    references: list[Node]


@dataclass(frozen=True)
class Text:
    """A prompt: the node that has it, what it says, and of which layer of the text encoder.

    `zeroed` stands for conditioning that says nothing at all.
    """

    node: Node
    field: str
    text: str
    clip: Node
    zeroed: bool = False


@dataclass(frozen=True)
class Clip:
    """A text encoder: its checkpoint, the layer that counts, and the LoRAs on it."""

    checkpoint: Node
    skip: int
    skipped_by: Node | None
    loras: list[Node] = field(default_factory=list[Node])


def model_of(graph: Graph, sampler: Node) -> Model:
    """The model of a sampler. Raises BadGraph."""
    loras: list[Lora] = []
    references: list[Node] = []
    node, _ = graph.source(sampler, "model")
    while node.type.name != "CheckpointLoaderSimple":
        if node.type.name in LORAS:
            name, weight = bare(node.inputs["lora_name"]), float(node.inputs["strength_model"])
            loras.append(Lora(node, name, weight))
        elif node.type.name in REFERENCES:
            references.append(node)
        node, _ = graph.source(node, "model")
    return Model(node, loras[::-1], references[::-1])


def clip_of(graph: Graph, node: Node) -> Clip:
    """The text encoder that an output is. Raises BadGraph."""
    skip, skipped_by = 1, None
    loras: list[Node] = []
    while node.type.name != "CheckpointLoaderSimple":
        if node.type.name == "CLIPSetLastLayer":
            # The last of several counts, which is met first.
            if skipped_by is None:
                skip, skipped_by = -int(node.inputs["stop_at_clip_layer"]), node
        else:
            loras.append(node)
        node, _ = graph.source(node, "clip")
    return Clip(node, skip, skipped_by, loras)


def vae_is_of(graph: Graph, node: Node, checkpoint: Node) -> None:
    """Refuse a VAE that is not the checkpoint's own. Raises BadGraph."""
    vae, _ = graph.source(node, "vae")
    if vae.type.name != "VAELoader" and vae.id != checkpoint.id:
        same = vae.inputs.get("ckpt_name") == checkpoint.inputs["ckpt_name"]
        if not same:
            raise vae.wrong("ckpt_name", "the VAE must be that of the checkpoint that samples")


def text_of(graph: Graph, node: Node, slot: int) -> Text:
    """The text behind conditioning. Raises BadGraph."""
    way = list(before(graph, node, slot))
    zeroed = any(each.type.name == "ConditioningZeroOut" for each in way)
    node = way[-1]
    clip, _ = graph.source(node, "clip")
    field_name, text = _said(node)
    return Text(node, field_name, EMBEDDING.sub(_embedding, text), clip, zeroed)


def _embedding(named: re.Match[str]) -> str:
    return name_of_file(named[1])


def controls_of(graph: Graph, node: Node, slot: int) -> Iterator[Node]:
    """The nodes that apply ControlNets to conditioning, the last first."""
    for each in before(graph, node, slot):
        if each.type.name in ("ControlNetApply", "ControlNetApplyAdvanced"):
            yield each


def before(graph: Graph, node: Node, slot: int) -> Iterator[Node]:
    """The nodes that conditioning comes through, from its end to the text: the last one has it."""
    yield node
    while node.type.name not in TEXTS:
        both = node.type.name in ("ControlNetApplyAdvanced", "InstructPixToPixConditioning")
        name = ("positive", "negative")[slot] if both else "conditioning"
        node, slot = graph.source(node, name)
        yield node


def _said(node: Node) -> tuple[str, str]:
    if node.type.name == "CLIPTextEncode":
        return "text", node.inputs["text"]
    if node.type.name.startswith("TextEncodeQwenImageEdit"):
        return "prompt", node.inputs["prompt"]
    for name in ("crop_w", "crop_h"):
        if node.inputs[name]:
            raise node.wrong(name, "must be 0: pictures are conditioned on being whole here")
    if node.inputs["text_g"] != node.inputs["text_l"]:
        raise node.wrong("text_l", "must be the same as text_g: both encoders read one text here")
    return "text_g", node.inputs["text_g"]
