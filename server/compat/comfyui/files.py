"""Pictures by the names that ComfyUI's clients have for them: files in three folders."""

from __future__ import annotations

import io
import re
from pathlib import PurePosixPath

from PIL import Image

from jobs.pictures.image_store import IMAGE_ID
from jobs.records.events import Output
from server.compat.comfyui.graph.graph import Node
from server.compat.comfyui.graph.pixels import Loaded
from server.compat.comfyui.inputs import LONGEST, Inputs, stored
from server.compat.comfyui.prompts import Shown
from server.errors import ApiError
from server.requests.named import is_own_picture

FOLDERS = ("input", "output", "temp")

ANNOTATED = re.compile(r"(.*) \[(input|output|temp)\]")
"""How a name says its folder."""

MADE = re.compile(rf"(?:.*_)?({IMAGE_ID.pattern})\.png", re.DOTALL)
"""The name of a picture that was made here: its id is in it."""

UNSAFE = re.compile(r"[^\w .()+@=,-]")
"""Characters that a name in a history does not have: they would mean something to a path or URL."""


def shown_as(node: Node) -> Shown:
    """How the pictures that a node shows are named."""
    if node.type.name == "PreviewImage":
        return Shown(type="temp", subfolder="", prefix="ComfyUI_temp")
    path = PurePosixPath(node.inputs["filename_prefix"].replace("\\", "/"))
    parts = [UNSAFE.sub("_", part)[:60] for part in path.parts if part not in ("/", ".", "..")]
    *folders, name = parts or ["ComfyUI"]
    return Shown(type="output", subfolder="/".join(folders[:4]), prefix=name)


def file_of(shown: Shown, output: Output) -> dict[str, str]:
    """A picture as the history has it."""
    name = f"{shown.prefix}_{output.id}.png"
    return {"filename": name, "subfolder": shown.subfolder, "type": shown.type}


def named(filename: str, subfolder: str, type: str) -> tuple[str, str]:
    """A name with its folder before it, and where it is. Raises a 400."""
    if match := ANNOTATED.fullmatch(filename):
        filename, type = match[1], match[2]
    if type not in FOLDERS:
        raise ApiError(400, "bad-type", f"type must be input, output or temp; it is {type[:20]!r}")
    whole = f"{subfolder}/{filename}".replace("\\", "/").strip("/")
    parts = whole.split("/")
    printable = whole.isprintable()
    if not filename or not printable or len(whole) > LONGEST or {".", "..", ""} & set(parts):
        detail = f"filename must be a name of at most {LONGEST} printable characters, no path"
        raise ApiError(400, "bad-filename", detail)
    return whole, type


def open_file(inputs: Inputs, name: str, type: str) -> Loaded:
    """A picture of the caller's. Raises a 404, or a 503."""
    try:
        if type == "input":
            found = inputs.find(name)
            if found is not None:
                return inputs.load(found)
        elif (match := MADE.fullmatch(name)) and is_own_picture(match[1]):
            png = stored(inputs.store, match[1])
            with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
                return Loaded(png, *picture.size)
    except FileNotFoundError:
        pass
    raise ApiError(404, "not-found", f"there is no picture {name[:80]!r} of yours in {type}")
