"""What a picture of a graph comes from: a loaded one, or samplers and what they started from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from jobs.request.fields.values import Fill, Resize
from server.compat.comfyui.graph.declared import MAX_SIDE
from server.compat.comfyui.graph.graph import Graph, Node
from server.compat.comfyui.graph.names import bare
from server.compat.comfyui.graph.pixels import Loaded

Size = tuple[int, int]
Load = Callable[[Node], Loaded]
"""Opens the picture that a node names. Raises BadGraph."""

SAMPLERS = ("KSampler", "KSamplerAdvanced")

MODEL_SCALE = 4
"""What upscalers enlarge by in ComfyUI, where their name does not say: nearly all are of this."""

LARGER = "pictures are not made smaller here, nor wider or narrower, once they were sampled"


@dataclass(frozen=True)
class Source:
    """A loaded picture, and what is to become of it before anything samples it."""

    node: Node
    size: Size
    own_size: Size
    sized_by: Node | None = None
    resize: Resize = "crop"
    upscaler: str | None = None
    padded_by: Node | None = None


@dataclass(frozen=True)
class Start:
    """The latents that a sampler starts from."""

    node: Node
    size: Size
    count: int = 1
    source: Source | None = None
    counted_by: Node | None = None
    masked_by: Node | None = None
    fill: Fill = "original"


@dataclass(frozen=True)
class Enlarged:
    """A second size, by what, and the node that asks for it."""

    node: Node
    size: Size
    upscaler: str


@dataclass(frozen=True)
class Sampled:
    """What one sampler has made, or two with something between that enlarges."""

    first: Node
    start: Start
    enlarged: Enlarged | None = None
    second: Node | None = None

    @property
    def size(self) -> Size:
        """Width and height by now."""
        return self.enlarged.size if self.enlarged else self.start.size


class Tracer:
    """Follows the pictures and latents of a graph backwards."""

    def __init__(self, graph: Graph, load: Load) -> None:
        self._graph = graph
        self._load = load
        self.decoders: list[Node] = []
        """The nodes on the way that encode or decode, whose VAE is to be the checkpoint's."""

    def picture(self, node: Node, name: str) -> Source | Sampled:
        """What an input's picture comes from. Raises BadGraph."""
        of, _ = self._graph.source(node, name)
        match of.type.name:
            case "LoadImage" | "LoadImageOutput":
                loaded = self._load(of)
                size = loaded.width, loaded.height
                return Source(of, size, size)
            case "FluxKontextImageScale":
                # The family brings what it is shown to a size that it knows by itself.
                return self.picture(of, "image")
            case "ImageScale" | "ImageScaleBy":
                return self._scaled(of, self.picture(of, "image"))
            case "ImageUpscaleWithModel":
                return self._upscaled(of, self.picture(of, "image"))
            case "ImagePadForOutpaint":
                return self._padded(of, self.picture(of, "image"))
            case _:
                return self._decoded(of)

    def _decoded(self, node: Node) -> Sampled:
        self.decoders.append(node)
        made = self.latents(node, "samples")
        if isinstance(made, Start):
            raise node.wrong("samples", "nothing has sampled these latents")
        return made

    def latents(self, node: Node, name: str) -> Start | Sampled:
        """What an input's latents come from. Raises BadGraph."""
        of, _ = self._graph.source(node, name)
        match of.type.name:
            case "EmptyLatentImage" | "EmptySD3LatentImage":
                size = of.inputs["width"], of.inputs["height"]
                return Start(of, size, of.inputs["batch_size"])
            case "InstructPixToPixConditioning":
                return self._drawn_over(of)
            case "VAEEncode" | "VAEEncodeTiled" | "VAEEncodeForInpaint":
                return self._encoded(of)
            case "SetLatentNoiseMask":
                return self._masked(of, self.latents(of, "samples"), "original")
            case "RepeatLatentBatch":
                return self._repeated(of, self.latents(of, "samples"))
            case "LatentUpscale" | "LatentUpscaleBy":
                return self._latents_enlarged(of, self.latents(of, "samples"))
            case _:
                return self._sampled(of, self.latents(of, "latent_image"))

    def _sampled(self, node: Node, start: Start | Sampled) -> Sampled:
        if isinstance(start, Start):
            return Sampled(node, start)
        if start.second is not None:
            raise node.wrong("latent_image", "a picture is sampled at most twice here")
        between = start.enlarged or Enlarged(node, start.size, "latent")
        return replace(start, enlarged=between, second=node)

    def _encoded(self, node: Node) -> Start | Sampled:
        self.decoders.append(node)
        pixels = self.picture(node, "pixels")
        if isinstance(pixels, Source):
            start: Start | Sampled = Start(node, pixels.size, source=pixels)
        else:
            start = pixels
        if node.type.name == "VAEEncodeForInpaint":
            return self._masked(node, start, "nothing")
        return start

    def _drawn_over(self, node: Node) -> Start:
        self.decoders.append(node)
        pixels = self.picture(node, "pixels")
        if isinstance(pixels, Sampled):
            raise node.wrong("pixels", "only a loaded picture can be edited here")
        return Start(node, pixels.size, source=pixels)

    def _masked(self, node: Node, start: Start | Sampled, fill: Fill) -> Start:
        if isinstance(start, Sampled) or start.source is None:
            raise node.wrong("mask", "only a loaded picture can have a mask here")
        if start.masked_by is not None:
            raise node.wrong("mask", "a picture has one mask here")
        if start.source.upscaler is not None:
            raise node.wrong("mask", "a picture that is enlarged first has no mask here")
        return replace(start, masked_by=node, fill=fill)

    def _repeated(self, node: Node, start: Start | Sampled) -> Start:
        if isinstance(start, Sampled):
            raise node.wrong("samples", "latents can be repeated here before they are sampled only")
        return replace(start, count=start.count * node.inputs["amount"], counted_by=node)

    def _latents_enlarged(self, node: Node, start: Start | Sampled) -> Start | Sampled:
        size = _wanted(node, start.size)
        if isinstance(start, Sampled):
            return self._enlarged(node, start, size, "latent")
        if start.masked_by is not None:
            raise node.wrong("samples", "latents with a mask keep their size here")
        if start.source is None:
            return replace(start, size=size)
        source = self._larger(node, start.source, size, "latent")
        return replace(start, size=size, source=source)

    def _scaled(self, node: Node, picture: Source | Sampled) -> Source | Sampled:
        size = _wanted(node, picture.size)
        if isinstance(picture, Sampled):
            between = picture.enlarged
            by_model = between is not None and picture.second is None
            return self._enlarged(
                node, picture, size, between.upscaler if by_model and between else "lanczos"
            )
        if picture.padded_by is not None:
            raise node.wrong("image", "a picture that was padded keeps its size here")
        if picture.upscaler is not None:
            return self._larger(node, picture, size, picture.upscaler)
        resize: Resize = "crop" if node.inputs.get("crop") == "center" else "stretch"
        return replace(picture, size=size, sized_by=node, resize=resize)

    def _upscaled(self, node: Node, picture: Source | Sampled) -> Source | Sampled:
        loader, _ = self._graph.source(node, "upscale_model")
        upscaler = bare(loader.inputs["model_name"])
        times = model_scale(upscaler)
        size = _possible(node, (picture.size[0] * times, picture.size[1] * times))
        if isinstance(picture, Sampled):
            return self._enlarged(node, picture, size, upscaler)
        return self._larger(node, picture, size, upscaler)

    def _larger(self, node: Node, source: Source, size: Size, upscaler: str) -> Source:
        """A loaded picture to be enlarged by an upscaler before anything samples it."""
        if source.padded_by is not None or (source.upscaler or upscaler) != upscaler:
            raise node.wrong("", "a picture is enlarged in one way here, and not after padding")
        if source.sized_by is not None and source.upscaler is None:
            raise node.wrong("", "a picture that was scaled is not enlarged again here")
        return replace(source, size=size, sized_by=node, upscaler=upscaler)

    def _enlarged(self, node: Node, made: Sampled, size: Size, upscaler: str) -> Sampled:
        if made.second is not None or (made.enlarged and made.enlarged.upscaler != upscaler):
            raise node.wrong("", "what was sampled is enlarged once here")
        if made.start.source is not None and (made.start.masked_by or made.start.source.upscaler):
            raise node.wrong("", "what was inpainted or enlarged before is not enlarged again here")
        return replace(made, enlarged=Enlarged(node, size, upscaler))

    def _padded(self, node: Node, picture: Source | Sampled) -> Source:
        if isinstance(picture, Sampled):
            raise node.wrong("image", "only a loaded picture can be padded here")
        if picture.sized_by is not None or picture.padded_by is not None:
            raise node.wrong("image", "a picture is padded at its own size here, and once")
        add = {side: node.inputs[side] for side in ("left", "top", "right", "bottom")}
        width = picture.size[0] + add["left"] + add["right"]
        height = picture.size[1] + add["top"] + add["bottom"]
        return replace(picture, size=(width, height), padded_by=node)


def scale_of(node: Node, before: Size, after: Size) -> float:
    """How many times larger. Raises BadGraph where it is smaller, or of another shape."""
    across, down = after[0] / before[0], after[1] / before[1]
    if min(across, down) < 1 or abs(across - down) > 1 / min(before) + 1e-6:
        sizes = f"it is {before[0]}x{before[1]} and would be {after[0]}x{after[1]}"
        raise node.wrong(_size_field(node), f"{LARGER}: {sizes}")
    return max(across, down)


def model_scale(upscaler: str) -> int:
    """How many times an upscaler enlarges in ComfyUI: the number that its name has beside an x."""
    name = upscaler.lower()
    for times in (2, 3, 4, 8):
        if f"{times}x" in name or f"x{times}" in name:
            return times
    return MODEL_SCALE


def _wanted(node: Node, size: Size) -> Size:
    """The size that a node asks for; where one side is 0 it follows from the other."""
    if "scale_by" in node.inputs:
        by = node.inputs["scale_by"]
        return _possible(node, (max(1, round(size[0] * by)), max(1, round(size[1] * by))))
    width, height = node.inputs["width"], node.inputs["height"]
    if not width and not height:
        return size
    if not width:
        width = max(1, round(size[0] * height / size[1]))
    return _possible(node, (width, height or max(1, round(size[1] * width / size[0]))))


def _possible(node: Node, size: Size) -> Size:
    """The size that a node has come to. Raises BadGraph where ComfyUI has none as large."""
    if max(size) > MAX_SIDE:
        detail = f"would be {size[0]}x{size[1]}; a side is at most {MAX_SIDE}"
        raise node.wrong(_size_field(node), detail)
    return size


def _size_field(node: Node) -> Literal["scale_by", "width", ""]:
    if "scale_by" in node.inputs:
        return "scale_by"
    return "width" if "width" in node.inputs else ""
