"""IP-Adapters in a graph: which, what each is shown, how strongly, when and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.request.model_card import AddOn, ModelCard
from server.compat.comfyui.graph.graph import Graph, Node
from server.compat.comfyui.graph.meaning import SENT, Meaning
from server.compat.comfyui.graph.names import PRESETS, bare
from server.compat.comfyui.graph.picture import Load, Source, Tracer
from server.compat.comfyui.graph.pixels import colours, mask_of

LINEAR = {"IPAdapter": "standard", "IPAdapterAdvanced": "linear"}
"""The one way to weigh the network's layers that is done here: all alike."""

ONLY = {"embeds_scaling": "V only"}
"""Of other inputs the one value that is done here."""

LOADED = ("LoadImage", "LoadImageOutput", "LoadImageMask")


def read_references(
    meaning: Meaning, graph: Graph, tracer: Tracer, load: Load, nodes: list[Node], card: ModelCard
) -> None:
    """Put what these nodes ask for into the request. Raises BadGraph."""
    asked = [
        _Reference(meaning, graph, tracer, load, node, index).read(card)
        for index, node in enumerate(nodes)
    ]
    if asked:
        meaning.fields["ip_adapters"] = asked


class _Reference:
    """Reads one of them."""

    def __init__(
        self,
        meaning: Meaning,
        graph: Graph,
        tracer: Tracer,
        load: Load,
        node: Node,
        index: int,
    ) -> None:
        self._meaning = meaning
        self._graph = graph
        self._tracer = tracer
        self._load = load
        self._node = node
        self._pointer = f"/ip_adapters/{index}"

    def read(self, card: ModelCard) -> dict[str, Any]:
        node, pointer = self._node, self._pointer
        inputs: Mapping[str, Any] = node.inputs
        only = {"weight_type": LINEAR[node.type.name], **ONLY}
        for name, value in only.items():
            if inputs.get(name, value) != value:
                raise node.wrong(name, f"must be {value} here; it is {inputs[name]}")
        if "image_negative" in inputs:
            raise node.wrong("image_negative", "a picture to be unlike is not taken here")
        loader, _ = self._graph.source(node, "ipadapter")
        pictures = list(self._pictures(node, "image"))
        if len(pictures) > 1 and inputs.get("combine_embeds", "concat") != "concat":
            raise node.wrong(
                "combine_embeds", "must be concat here: each picture has its own place"
            )
        if "clip_vision" in inputs:
            said = "the adapter's own image encoder reads the pictures, whichever is named"
            if said not in self._meaning.notes:
                self._meaning.notes.append(said)
        file = "ipadapter_file" if loader.type.name == "IPAdapterModelLoader" else "preset"
        self._meaning.places |= {
            pointer: (node, ""),
            f"{pointer}/model": (loader, file),
            f"{pointer}/weight": (node, "weight"),
            f"{pointer}/start": (node, "start_at"),
            f"{pointer}/end": (node, "end_at"),
        }
        for at, each in enumerate(pictures):
            self._meaning.places[f"{pointer}/images/{at}"] = each.node, "image"
            self._meaning.parts[f"{pointer}/images/{at}"] = colours(self._load(each.node))
        return {
            "model": _adapter(loader, card),
            "images": [SENT] * len(pictures),
            "weight": inputs["weight"],
            "start": inputs["start_at"],
            "end": inputs["end_at"],
            "mask": self._mask(),
        }

    def _pictures(self, node: Node, name: str) -> Iterator[Source]:
        of, _ = self._graph.source(node, name)
        if of.type.name == "ImageBatch":
            for each in ("image1", "image2"):
                yield from self._pictures(of, each)
            return
        picture = self._tracer.picture(node, name)
        if not isinstance(picture, Source) or picture.padded_by or picture.upscaler:
            raise node.wrong(name, "an IP-Adapter looks at loaded pictures here")
        yield picture

    def _mask(self) -> str | None:
        if "attn_mask" not in self._node.inputs:
            return None
        of, _ = self._graph.source(self._node, "attn_mask")
        if of.type.name not in LOADED:
            raise self._node.wrong("attn_mask", "must be that of a loaded picture")
        mask = mask_of(self._load(of), of.inputs.get("channel", "alpha"))
        if mask is None:
            raise of.wrong("image", "nothing of its mask is white, so the adapter acts nowhere")
        self._meaning.places[f"{self._pointer}/mask"] = of, "image"
        self._meaning.parts[f"{self._pointer}/mask"] = mask
        return SENT


def _adapter(loader: Node, card: ModelCard) -> str:
    """The adapter that a loader names, or that its preset means among those of the model."""
    if loader.type.name == "IPAdapterModelLoader":
        return bare(loader.inputs["ipadapter_file"])
    preset = loader.inputs["preset"]
    found = next((each for each in card.ip_adapters if _means(preset, each)), None)
    if found is None:
        there_are = ", ".join(each.name for each in card.ip_adapters) or "none"
        raise loader.wrong("preset", f"no IP-Adapter here is {preset}; there are {there_are}")
    return found.name


def _means(preset: str, adapter: AddOn) -> bool:
    has, lacks = PRESETS[preset]
    name = adapter.name.lower()
    return all(each in name for each in has) and not any(each in name for each in lacks)
