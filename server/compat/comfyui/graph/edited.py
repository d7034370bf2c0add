"""The pictures that a sampler's prompt speaks of: what a graph has edited by words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from server.compat.comfyui.graph.graph import Graph, Link, Node
from server.compat.comfyui.graph.picture import Sampled, Source, Start, Tracer
from server.compat.comfyui.graph.prompts import before

PIX2PIX = "InstructPixToPixConditioning"
REFERENCE = "ReferenceLatent"
READ = ("TextEncodeQwenImageEdit", "TextEncodeQwenImageEditPlus")
TOLD = "FluxGuidance"
READ_IMAGES = ("image", "image1", "image2", "image3")

ONLY_LOADED = "only a loaded picture can be edited here"


@dataclass(frozen=True)
class Edited:
    """A picture that is edited, and the node that shows it to the model."""

    source: Source
    by: Node


def edited_by(graph: Graph, sampler: Node, tracer: Tracer) -> list[Edited]:
    """The pictures that a sampler's prompt speaks of, the first first; none where it edits none.

    One that is shown twice, as latents and to the text encoder, counts once. Raises BadGraph.
    """
    found: list[Edited] = []
    for node, name in _shown(graph, sampler):
        source = _source(tracer, node, name)
        if all(source.node.id != each.source.node.id for each in found):
            found.append(Edited(source, node))
    return found


def guidance_of(graph: Graph, sampler: Node) -> Node | None:
    """The node that says the guidance scale which the model is told, where there is one."""
    node, slot = graph.source(sampler, "positive")
    return next((each for each in before(graph, node, slot) if each.type.name == TOLD), None)


def _shown(graph: Graph, sampler: Node) -> Iterator[tuple[Node, str]]:
    """Nodes on the way to the prompt that show a picture, and the input that it comes by, in the
    order in which the model is shown them."""
    way = list(before(graph, *graph.source(sampler, "positive")))
    for node in reversed(way):
        if node.type.name == PIX2PIX:
            yield node, "pixels"
        elif node.type.name == REFERENCE and "latent" in node.inputs:
            yield node, "latent"
        elif node.type.name in READ:
            for name in READ_IMAGES:
                if isinstance(node.inputs.get(name), Link):
                    yield node, name


def _source(tracer: Tracer, node: Node, name: str) -> Source:
    if name != "latent":
        picture = tracer.picture(node, name)
    else:
        latents = tracer.latents(node, name)
        picture = latents.source if isinstance(latents, Start) else latents
    if picture is None or isinstance(picture, Sampled) or picture.padded_by or picture.upscaler:
        raise node.wrong(name, ONLY_LOADED)
    return picture
