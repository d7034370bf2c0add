"""Pictures and their words: open emoji art, rendered with transparency, in one compact file.

The art and the words are npm packages (see PACKAGES); only `prepare` needs npm and resvg-py.
What it writes is a single `.npz` that the trainings need and nothing else, so that it can be
carried to a machine without internet: lossless WebP pictures and a JSON table of words.
"""

import io
import json
import subprocess
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image

PACKAGES = {
    "@iconify-json/fluent-emoji": "1.2.7",
    "@iconify-json/fluent-emoji-flat": "1.2.6",
    "@iconify-json/noto": "1.2.9",
    "@iconify-json/twemoji": "1.2.5",
    "@iconify-json/noto-v1": "1.2.5",
    "emojibase-data": "17.0.0",
}

# Style word in the caption -> icon set, margin, and how often to draw the style: 3d is what a
# prompt without a style means, and the hardest. A margin (a share of the side) makes the sets that
# touch the border as airy as Fluent is; a shape cut by the border teaches tinted borders.
STYLES = {
    "3d": ("fluent-emoji", 0.0, 1.0),
    "flat": ("fluent-emoji-flat", 0.0, 0.5),
    "noto": ("noto", 0.04, 0.5),
    "twemoji": ("twemoji", 0.05, 0.5),
    "noto-v1": ("noto-v1", 0.04, 0.5),
}

NAMED_AS = {"fluent-emoji": "fluent-emoji-flat", "noto-v1": "noto"}

GROUPS = (
    "smileys",
    "people",
    "component",
    "animals",
    "food",
    "travel",
    "activities",
    "objects",
    "symbols",
    "flags",
)
LEFT_OUT = {"component", "flags"}  # skin and hair swatches; flags are text and heraldry
HEART_SUBGROUP = 14
SIGN_SUBGROUPS = {58, 83, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95}  # clocks, arrows, keycaps...


@dataclass(frozen=True)
class Emoji:
    """One picture's words, with the group it belongs to and how often training draws it."""

    label: str
    tags: tuple[str, ...]
    vietnamese: tuple[str, ...]
    group: str
    style: str
    weight: float


@dataclass(frozen=True)
class Pictures:
    """The prepared data: `art` with transparency, uint8 [N, S, S, 4], and the N `emoji` of it."""

    art: torch.Tensor
    emoji: list[Emoji]

    @cached_property
    def pixels(self) -> torch.Tensor:
        """The pictures on white, uint8 [N, 3, S, S]."""
        return torch.stack([on_white(picture) for picture in self.art])

    @property
    def weights(self) -> torch.Tensor:
        """How often each picture is drawn, float [N]."""
        return torch.tensor([emoji.weight for emoji in self.emoji])


def prepare(
    path: Path, cache: Path, size: int = 128, styles: tuple[str, ...] = tuple(STYLES)
) -> None:
    """Fetch the packages into `cache`, render every emoji at `size` pixels, write `path`."""
    fetch(cache)
    words = read_words(cache)
    pictures: list[bytes] = []
    emoji: list[Emoji] = []
    for style in styles:
        icon_set, margin, share = STYLES[style]
        folder = cache / "node_modules/@iconify-json" / icon_set
        icons = json.loads((folder / "icons.json").read_text())
        for code, name in read_names(cache, icon_set).items():
            svg = to_svg(icons, name, margin)
            if code in words and svg:
                pictures.append(render(svg, size))
                weight = words[code]["weight"] * share
                emoji.append(Emoji(**words[code] | {"style": style, "weight": weight}))
    write(path, pictures, emoji)


def fetch(cache: Path) -> None:
    """Install PACKAGES into `cache/node_modules` unless they are there."""
    if (cache / "node_modules" / "emojibase-data").exists():
        return
    cache.mkdir(parents=True, exist_ok=True)
    wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *wanted]
    subprocess.run(command, cwd=cache, check=True)


def read_words(cache: Path) -> dict[str, dict]:
    """The words, group and weight of every emoji we keep, by its code points ("1F34E").

    Skin-tone variants are nested under their emoji in emojibase, so they never appear here.
    """
    folder = cache / "node_modules" / "emojibase-data"
    english = json.loads((folder / "en" / "data.json").read_text())
    vietnamese = {e["hexcode"]: e for e in json.loads((folder / "vi" / "data.json").read_text())}
    words = {}
    for entry in english:
        if "group" not in entry or GROUPS[entry["group"]] in LEFT_OUT:
            continue
        other = vietnamese.get(entry["hexcode"], {})
        words[bare_code(entry["hexcode"])] = {
            "label": entry["label"],
            "tags": tuple(entry.get("tags", ())),
            "vietnamese": (other["label"], *other.get("tags", ())) if other else (),
            "group": GROUPS[entry["group"]],
            "weight": weight_of(entry),
        }
    return words


def weight_of(entry: dict) -> float:
    """How often to draw an emoji: 3 for plain things, 1 for the rest, 0.3 for near duplicates.

    People type things ("banana", "green heart"), and of the people in the set most are one
    picture three times (person, man, woman). Signs are text, which 16x16 latents cannot hold.
    """
    group = GROUPS[entry["group"]]
    subgroup = entry.get("subgroup")
    if entry.get("gender") is not None or subgroup in SIGN_SUBGROUPS:
        return 0.3
    thing = group in {"animals", "food", "travel", "activities", "objects"}
    if (thing and len(entry["label"].split()) <= 2) or subgroup == HEART_SUBGROUP:
        return 3.0
    return 1.0


def read_names(cache: Path, icon_set: str) -> dict[str, str]:
    """Code points -> icon name; a set without such a table names as another one does."""
    table = NAMED_AS.get(icon_set, icon_set)
    path = cache / "node_modules/@iconify-json" / table / "chars.json"
    names: dict[str, str] = {}
    for code, name in json.loads(path.read_text()).items():
        names.setdefault(bare_code(code), name)
    return names


def bare_code(code: str) -> str:
    """A hexcode without variation selectors: the sets disagree about writing them."""
    return "-".join(part for part in code.upper().split("-") if part != "FE0F")


def to_svg(icons: dict, name: str, margin: float) -> str | None:
    """A whole SVG document for an iconify icon, or None where the set lacks it."""
    alias = icons.get("aliases", {}).get(name, {})
    icon = icons["icons"].get(alias.get("parent", name))
    if icon is None:
        return None
    width = icon.get("width", icons.get("width", 16))
    height = icon.get("height", icons.get("height", 16))
    x, y = margin * width, margin * height
    body = icon["body"]
    if alias.get("hFlip"):
        body = f'<g transform="translate({width} 0) scale(-1 1)">{body}</g>'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{-x} {-y} {width + 2 * x} {height + 2 * y}">{body}</svg>'
    )


def render(svg: str, size: int) -> bytes:
    """An SVG document on nothing, as a lossless WebP of `size` x `size` pixels."""
    import resvg_py  # only `prepare` needs a renderer; a training machine has none

    png = bytes(
        resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    )
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    if picture.size != (size, size):
        squared = Image.new("RGBA", (size, size))
        squared.paste(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
        picture = squared
    out = io.BytesIO()
    picture.save(out, "WEBP", lossless=True, quality=60, exact=False)
    return out.getvalue()


def write(path: Path, pictures: list[bytes], emoji: list[Emoji]) -> None:
    """Write the prepared file: picture bytes end to end, their lengths, and the words as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    words = json.dumps([asdict(e) for e in emoji], ensure_ascii=False).encode()
    with path.open("wb") as file:
        np.savez(
            file,
            pictures=np.frombuffer(b"".join(pictures), np.uint8),
            lengths=np.array([len(p) for p in pictures], np.int64),
            words=np.frombuffer(words, np.uint8),
        )


def load(path: Path, styles: tuple[str, ...] = tuple(STYLES)) -> Pictures:
    """Read the prepared file, keeping only the wanted styles."""
    with np.load(path, allow_pickle=False) as file:
        data, lengths = file["pictures"].tobytes(), file["lengths"]
        rows = json.loads(file["words"].tobytes())
    ends = np.cumsum(lengths)
    art, emoji = [], []
    for row, end, length in zip(rows, ends, lengths, strict=True):
        if row["style"] not in styles:
            continue
        row["tags"], row["vietnamese"] = tuple(row["tags"]), tuple(row["vietnamese"])
        emoji.append(Emoji(**row))
        picture = Image.open(io.BytesIO(data[end - length : end])).convert("RGBA")
        art.append(torch.from_numpy(np.array(picture)))
    return Pictures(torch.stack(art), emoji)


def on_white(art: torch.Tensor) -> torch.Tensor:
    """A picture with transparency, uint8 [S, S, 4], as uint8 [3, S, S] on white."""
    picture = Image.fromarray(art.numpy(), "RGBA")
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return torch.from_numpy(np.array(white.convert("RGB"))).permute(2, 0, 1)
