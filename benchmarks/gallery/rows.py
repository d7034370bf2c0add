"""What the gallery shows: for each row the fields of a request and the pictures it starts from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw

from jobs.request.model_card import Kind
from jobs.request.samplers import SAMPLERS, SCHEDULES

SIDE = 128
"""Pixels a side of what the model that ships was trained at."""

APPLE, HALF, FACE = "apple", "half an apple", "face"
HEART, UPPER, CORNER = "heart", "upper half", "corner"
HOUSE, FISH = "lines of a house", "lines of a fish"
DRAWN = "a drawn house"

LEARNED, LEARNED_FROM = "greenheart", "green heart"
"""A word that is taught to the model, with the vectors of these words."""

SOURCES: Mapping[str, dict[str, Any]] = {
    APPLE: {"prompt": "red apple, 3d", "seed": 1},
    FACE: {"prompt": "cat face, 3d", "seed": 2},
}
"""Pictures to start from, each as the request that makes it; HALF is the left of APPLE."""


@dataclass(frozen=True)
class Row:
    """One picture: its heading, what is asked for, and what it starts from, by name."""

    section: str
    title: str
    fields: Mapping[str, Any]
    image: str | None = None
    mask: str | None = None
    lines: str | None = None
    like: str | None = None

    @property
    def pictures(self) -> Mapping[str, str]:
        """The names of what it starts from, by the pointers of a request's fields."""
        named = {
            "/image": self.image,
            "/mask": self.mask,
            "/controls/0/image": self.lines,
            "/ip_adapters/0/images/0": self.like,
        }
        return {pointer: name for pointer, name in named.items() if name}


@dataclass(frozen=True)
class Example:
    """A request of one kind that shows what the kind is for."""

    fields: Mapping[str, Any]
    image: str | None = None
    mask: str | None = None


EXAMPLES: Mapping[Kind, Example] = {
    "text-to-image": Example({"prompt": "rocket, 3d", "seed": 4}),
    "image-to-image": Example({"prompt": "green apple, 3d", "seed": 4, "strength": 0.8}, APPLE),
    "inpaint": Example({"prompt": "dog face, 3d", "seed": 4}, FACE, UPPER),
    "outpaint": Example(
        {"prompt": "red apple, 3d", "seed": 4, "expand": {"right": 56}, "fill": "fill"}, HALF
    ),
    "upscale": Example({"prompt": "red apple, 3d", "seed": 4, "strength": 0.3}, APPLE),
    "variations": Example({"prompt": "red apple, 3d", "seed": 4}, APPLE),
}


def rows() -> Iterator[Row]:
    """Everything, in the page's order."""
    for kind, example in EXAMPLES.items():
        for sampler, info in SAMPLERS.items():
            fields = {"kind": kind, "sampler": sampler, **example.fields}
            yield Row(f"{kind}, each sampler", info.title, fields, example.image, example.mask)
    for sampler in ("dpmpp_2m", "euler"):
        for schedule, info in SCHEDULES.items():
            fields = {"prompt": "birthday cake, 3d", "seed": 3} | {
                "sampler": sampler,
                "schedule": schedule,
            }
            yield Row(f"each schedule, {SAMPLERS[sampler].title}", info.label, fields)
    yield from adapted()
    yield from _prompts()
    yield from _changing()
    yield from _several()
    yield from _steered()
    yield from _edges()
    yield from _noise()
    yield from _pictures()
    yield from _masks()
    yield from _sizes()


def adapted() -> Iterator[Row]:
    """What ships beside the model: a LoRA, a ControlNet for lines, and an IP-Adapter."""
    section = "With the adapters that ship"
    for prompt in ("rocket", "birthday cake", "guitar", "cat face"):
        for weight in (0.0, 1.0):
            ink = {"loras": [{"name": "ink", "weight": weight}]} if weight else {}
            yield Row(section, f"Ink, {weight:g}", {"prompt": prompt, "seed": 5} | ink)
    controls = [{"model": "canny-edges", "image": "/controls/0/image"}]
    for prompt, lines in (("house, 3d", HOUSE), ("blue fish, 3d", FISH)):
        for seed in (3, 4):
            fields = {"prompt": prompt, "seed": seed, "controls": controls}
            yield Row(section, "Along lines", fields, lines=lines)
    likeness = {"model": "ip-adapter-likeness", "images": ["/ip_adapters/0/images/0"]}
    for like in (APPLE, DRAWN):
        for prompt in ("", "in blue"):
            fields = {"prompt": prompt, "seed": 3, "ip_adapters": [likeness]}
            yield Row(section, f"Like this picture, {prompt or 'no words'}", fields, like=like)


def _prompts() -> Iterator[Row]:
    section = "Prompts and guidance"
    plain = {"prompt": "apple, 3d", "seed": 2}
    yield Row(section, "Plain", plain)
    yield Row(section, "Negative prompt", plain | {"negative_prompt": "red"})
    yield Row(section, "Another style", {"prompt": "red apple, flat", "seed": 2})
    for weight in (0.3, 1.0, 1.6):
        prompt = f"(green:{weight}) heart, 3d"
        yield Row(section, f"Weight {weight}", {"prompt": prompt, "seed": 5})
    long = "cat face, 3d, " + ", ".join(["animal", "pet", "kitten", "whiskers"] * 5)
    yield Row(section, "Long prompt", {"prompt": long, "seed": 5})
    yield Row(section, "BREAK", {"prompt": "cat face BREAK 3d", "seed": 5})
    yield Row(section, "Textual inversion", {"prompt": f"{LEARNED}, 3d", "seed": 5})
    yield Row(section, "Clip skip 2", plain | {"clip_skip": 2})
    for scale in (1.0, 4.0, 9.0):
        fields = {"prompt": "sun, 3d", "seed": 5, "guidance_scale": scale}
        yield Row(section, f"Guidance {scale:g}", fields)
    for amount in (0.0, 0.7):
        fields = {"prompt": "sun, 3d", "seed": 5, "guidance_scale": 12.0}
        yield Row(section, f"Guidance 12, rescale {amount}", fields | {"guidance_rescale": amount})


def _changing() -> Iterator[Row]:
    section = "Words that change"
    for title, prompt in (
        ("At half of the steps", "[cat face:dog face:0.5], 3d"),
        ("After two steps", "[cat face:dog face:2], 3d"),
        ("By turns", "[cat face|dog face], 3d"),
        ("A choice", "{red|green|purple} apple, 3d"),
    ):
        yield Row(section, title, {"prompt": prompt, "seed": 5})


def _several() -> Iterator[Row]:
    section = "Several prompts"
    for weight in (0.4, 1.0):
        prompt = f"heart, 3d AND apple, 3d :{weight}"
        yield Row(section, f"AND, {weight}", {"prompt": prompt, "seed": 5})
    half = {"width": 256, "height": 128, "drawn": {"width": 256, "height": 128}}
    half |= {"prompt": "", "seed": 2}
    faces = [
        {"prompt": "cat face, 3d", "box": {"width": 0.5}},
        {"prompt": "rocket, 3d", "box": {"left": 0.5, "width": 0.5}},
    ]
    yield Row(section, "A cat left, a rocket right", half | {"regions": faces})
    fruit = [
        {"prompt": "red apple, 3d", "box": {"width": 0.5}},
        {"prompt": "green heart, 3d", "box": {"left": 0.5, "width": 0.5}},
    ]
    yield Row(section, "An apple left, a heart right", half | {"regions": fruit})


def _steered() -> Iterator[Row]:
    section = "FreeU and perturbed attention"
    plain = {"prompt": "dragon, 3d", "seed": 3}
    yield Row(section, "Plain", plain)
    yield Row(section, "FreeU", plain | {"freeu": {"b1": 1.3, "b2": 1.4}})
    for scale in (2.0, 5.0):
        yield Row(section, f"PAG {scale:g}", plain | {"pag_scale": scale})
    natural = {"cfg_plus_plus": True, "guidance_scale": 0.6, "sampler": "ddim"}
    yield Row(section, "CFG++ 0.6", plain | natural)
    strong = plain | {"guidance_scale": 18.0}
    yield Row(section, "Guidance 18", strong)
    mimic = {"mimic_scale": 5.0, "percentile": 0.995}
    yield Row(section, "Guidance 18 as 5", strong | {"dynamic_thresholding": mimic})
    unguided = plain | {"guidance_scale": 1.0}
    yield Row(section, "Without guidance", unguided)
    yield Row(section, "Without guidance, PAG 5", unguided | {"pag_scale": 5.0})


def _edges() -> Iterator[Row]:
    section = "Edges that meet"
    for tiling in ("none", "x", "both"):
        fields = {"prompt": "tulips, 3d", "seed": 7, "tiling": tiling}
        yield Row(section, f"Tiling: {tiling}", fields)


def _noise() -> Iterator[Row]:
    section = "Steps and seeds"
    tree = {"prompt": "tree, 3d", "seed": 6}
    for steps in (6, 10, 20, 40):
        yield Row(section, f"{steps} steps", tree | {"steps": steps})
    for strength in (0.1, 0.3, 0.6, 1.0):
        varied = {"variation_seed": 7, "variation_strength": strength}
        yield Row(section, f"Towards another seed, {strength:g}", tree | varied)
    yield Row(section, "That other seed", tree | {"seed": 7})
    yield Row(section, "Exact", tree | {"exact": True})


def _pictures() -> Iterator[Row]:
    section = "From a picture"
    fields = {"kind": "image-to-image", "prompt": "green apple, 3d", "seed": 4}
    for strength in (0.2, 0.4, 0.6, 0.8, 1.0):
        yield Row(section, f"Strength {strength:g}", fields | {"strength": strength}, APPLE)
    wide = fields | {"strength": 0.5, "width": 192, "height": 96}
    for resize in ("crop", "pad", "stretch"):
        yield Row(section, f"Resize: {resize}", wide | {"resize": resize}, APPLE)


def _masks() -> Iterator[Row]:
    section = "With a mask"
    dog = {"kind": "inpaint", "prompt": "dog face, 3d", "seed": 4}
    for fill in ("original", "fill", "noise", "nothing"):
        yield Row(section, f"Fill: {fill}", dog | {"fill": fill, "strength": 0.9}, FACE, UPPER)
    yield Row(section, "Inverted mask", dog | {"mask_invert": True}, FACE, UPPER)
    green = {"kind": "inpaint", "prompt": "(green:1.6) apple, 3d", "seed": 4, "guidance_scale": 8.0}
    for blur in (0, 4, 12):
        yield Row(section, f"Mask blur {blur}", green | {"mask_blur": blur}, APPLE, HEART)
    small = {"kind": "inpaint", "prompt": "green heart, 3d", "seed": 4}
    masked = {"inpaint_area": "masked", "mask_padding": 0}
    yield Row(section, "Only the masked area", small | masked, APPLE, CORNER)
    grown = {"kind": "outpaint", "prompt": "red apple, 3d", "seed": 4, "expand": {"right": 56}}
    for fill in ("original", "fill", "noise"):
        yield Row(section, f"Outpaint, fill: {fill}", grown | {"fill": fill}, HALF)


def _sizes() -> Iterator[Row]:
    section = "Larger"
    heart = {"prompt": "green heart, 3d", "seed": 8}
    yield Row(section, "First pass alone", heart)
    for upscaler in ("latent", "lanczos"):
        for strength in (0.2, 0.4):
            hires = {"scale": 1.5, "upscaler": upscaler, "strength": strength}
            yield Row(section, f"Hires, {upscaler}, {strength}", heart | {"hires": hires})
    yield Row(section, "128x192", {"prompt": "tree, 3d", "seed": 8, "height": 192})
    upscale = {"kind": "upscale", "prompt": "red apple, 3d", "seed": 4}
    for upscaler, strength in (("lanczos", 0.0), ("lanczos", 0.2), ("latent", 0.4)):
        fields = upscale | {"upscaler": upscaler, "strength": strength}
        yield Row(section, f"Upscale, {upscaler}, {strength:g}", fields, APPLE)


def heart(side: int = SIDE) -> Image.Image:
    """A mask in the shape of a heart."""
    mask = Image.new("L", (side, side))
    draw = ImageDraw.Draw(mask)
    unit = side / 32
    for left in (7, 15.5):
        draw.ellipse([left * unit, 7 * unit, (left + 9.5) * unit, 16.5 * unit], fill=255)
    draw.polygon([(7.6 * unit, 14 * unit), (24.4 * unit, 14 * unit), (16 * unit, 26 * unit)], 255)
    draw.rectangle([12 * unit, 11 * unit, 20 * unit, 15 * unit], fill=255)
    return mask


def house(side: int = SIDE) -> Image.Image:
    """A house as a hand draws it, in white lines on black."""
    drawn = Image.new("RGB", (side, side))
    unit, draw = side / 32, ImageDraw.Draw(drawn)
    walls, roof = [(7, 15), (7, 27), (25, 27), (25, 15)], [(4, 16), (16, 5), (28, 16), (4, 16)]
    door, chimney = [(14, 27), (14, 20), (18, 20), (18, 27)], [(21, 9), (21, 4), (24, 4), (24, 12)]
    for points in (walls, roof, door, chimney):
        draw.line([(x * unit, y * unit) for x, y in points], "white", 2, joint="curve")
    return drawn


def fish(side: int = SIDE) -> Image.Image:
    """A fish that swims to the right, in white lines on black."""
    drawn = Image.new("RGB", (side, side))
    unit, draw = side / 32, ImageDraw.Draw(drawn)
    draw.arc([9 * unit, 9 * unit, 29 * unit, 23 * unit], -165, 165, "white", 2)
    tail = [(9.5, 14.5), (3, 9), (4.5, 16), (3, 23), (9.5, 17.5)]
    draw.line([(x * unit, y * unit) for x, y in tail], "white", 2, joint="curve")
    draw.ellipse([23 * unit, 13 * unit, 25 * unit, 15 * unit], outline="white", width=2)
    draw.line([(x * unit, y * unit) for x, y in [(14, 10), (18, 5), (21, 9.5)]], "white", 2)
    return drawn


def upper_half(side: int = SIDE) -> Image.Image:
    """A mask that is white above the middle."""
    mask = Image.new("L", (side, side))
    mask.paste(255, (0, 0, side, side // 2))
    return mask


def corner(side: int = SIDE) -> Image.Image:
    """A mask with a white square at the top right."""
    mask = Image.new("L", (side, side))
    mask.paste(255, (side * 11 // 16, 2, side - 2, side * 5 // 16))
    return mask
