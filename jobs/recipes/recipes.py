"""Recipes that pictures carry: written into what is made, read from what is sent."""

from __future__ import annotations

import json
import struct
from typing import Any, cast

from pydantic import ValidationError

from jobs.pictures import sandbox
from jobs.pictures.pictures import EXIF_IFD, INFOTEXT, UNICODE, USER_COMMENT, BadPicture
from jobs.prompts.tags import tag_of
from jobs.recipes import foreign_recipes, infotext
from jobs.recipes.infotext import BadInfotext, Maker, Recipe
from jobs.recipes.steered import FACES, FACES_STRENGTH
from jobs.recipes.written import number
from jobs.request.fields.parts import Lora
from jobs.request.model_card import ModelCard, name_of_file
from jobs.request.notes import Note
from jobs.request.request import FieldError, InvalidRequest, ResolvedRequest

RECORD = "darkroom"
"""Name of the PNG text chunk with our JSON; `prompt`, `workflow` and `Comment` are ComfyUI's."""

VAE = "VAE"
"""What an infotext calls an autoencoder."""

MAX_RECIPE = 1_000_000
"""Characters of a recipe that is read: two prompts of 10,000 and all else take 30,000."""

MAX_EXIF = 65_000
"""Bytes of EXIF that a JPEG has room for, less what goes round the comment."""

BIG_ENDIAN = struct.Struct(">2sHI")
"""Of TIFF's head, which EXIF begins with: the order of bytes, 42, where the first table is."""

ONE_ENTRY = struct.Struct(">HHHIII")
"""A table of one: how many, then its tag, type, count and value, and where the next table is."""

LONG = 4
UNDEFINED = 7
"""Types of a value. Pillow would write a comment as type 1, which readers take for numbers."""


def record(request: ResolvedRequest, index: int, maker: Maker) -> dict[str, Any]:
    """The request that makes this one picture again."""
    left_out = {"count", "priority", "metadata", "trace", "wordings"}
    recipe = request.alone(index).model_dump(mode="json", exclude=left_out)
    template = {"prompt": request.prompt, "negative_prompt": request.negative_prompt}
    return {
        "version": maker.version,
        "model_hash": maker.model_hash,
        "request": recipe,
        **({"template": template} if request.wordings else {}),
    }


def recipe_of(
    data: bytes, cards: list[ModelCard], notes: list[Note] | None = None
) -> dict[str, Any]:
    """The fields of the request that a picture was made by, not yet checked but for the model.

    Our own record comes before what other programs write; what they did that nothing here does is
    added to `notes`. Raises InvalidRequest where the picture carries neither, or one that is broken
    or not whole, or was made by a model that is not offered.
    """
    recipe = _found(data)
    if recipe.lacks:
        detail = f"the picture's `{INFOTEXT}` cannot be used: it {recipe.lacks[0].detail}"
        raise InvalidRequest([FieldError(pointer="", detail=detail)])
    fields = recipe.fields | _add_ons(recipe, cards) | _model(recipe, cards)
    if notes is not None and recipe.unread:
        said = ", ".join(f"`{name}: {value}`" for name, value in recipe.unread.items())
        detail = f"of the picture's recipe nothing here does {said[:500]}"
        notes.append(Note(pointer="", detail=detail))
    return fields


def known_part_of(data: bytes, cards: list[ModelCard]) -> tuple[dict[str, Any], list[FieldError]]:
    """As `recipe_of`, for somebody who looks it over: the rest, and what is missing in it.

    Missing may be the model and the picture that it starts from. Raises InvalidRequest where the
    picture carries no recipe.
    """
    recipe = _found(data)
    fields, missing = dict(recipe.fields), list[FieldError]()
    missing += [
        FieldError(pointer=each.pointer, detail=f"the picture {each.detail}")
        for each in recipe.lacks
    ]
    fields |= _add_ons(recipe, cards)
    missing += [
        FieldError(pointer=_pointer(name), detail=f"nothing here does `{name}: {value[:100]}`")
        for name, value in recipe.unread.items()
    ]
    try:
        fields |= _model(recipe, cards)
    except InvalidRequest as error:
        fields.pop("model", None)
        missing += error.errors
    return fields, missing


def prompts_of(data: bytes) -> tuple[str, str]:
    """Prompt and negative prompt of a picture's recipe; empty where it has none that is whole."""
    try:
        recipe = _read(data)
    except (BadPicture, BadInfotext):
        recipe = None
    fields = recipe.fields if recipe and not recipe.lacks else {}
    prompt, negative = (fields.get(name) for name in ("prompt", "negative_prompt"))
    loras = fields.get("loras")
    tags = [
        _tag(cast("dict[str, Any]", each))
        for each in (cast("list[Any]", loras) if isinstance(loras, list) else [])
        if isinstance(each, dict) and {"name", "weight"} <= each.keys()
    ]
    return (
        " ".join([prompt, *filter(None, tags)]) if isinstance(prompt, str) else "",
        negative if isinstance(negative, str) else "",
    )


def _tag(lora: dict[str, Any]) -> str:
    try:
        its = Lora.model_validate(lora)
    except ValidationError:
        return ""
    return tag_of(its.name, its.weight, its.text_encoder_weight, {**its.block_weights})


def exif_with(text: str) -> bytes | None:
    """EXIF that holds an infotext as JPEG and WebP carry it; None where it is too long for one."""
    comment = UNICODE + text.encode("utf-16-be", errors="replace")
    if len(comment) > MAX_EXIF:
        return None
    head = BIG_ENDIAN.pack(b"MM", 42, BIG_ENDIAN.size)
    exif_at = BIG_ENDIAN.size + ONE_ENTRY.size
    main = ONE_ENTRY.pack(1, EXIF_IFD, LONG, 1, exif_at, 0)
    comment_at = exif_at + ONE_ENTRY.size
    exif = ONE_ENTRY.pack(1, USER_COMMENT, UNDEFINED, len(comment), comment_at, 0)
    return b"Exif\0\0" + head + main + exif + comment


def _found(data: bytes) -> Recipe:
    try:
        recipe = _read(data)
    except (BadPicture, BadInfotext) as error:
        raise InvalidRequest([FieldError(pointer="", detail=str(error))]) from error
    if recipe is None:
        detail = (
            "the picture carries no recipe: a PNG has it as text named `darkroom` or `parameters`, "
            "or as other programs name it, a JPEG or WebP in EXIF's UserComment"
        )
        raise InvalidRequest([FieldError(pointer="", detail=detail)])
    return recipe


def _read(data: bytes) -> Recipe | None:
    texts = sandbox.decode(data, "texts").texts or {}
    for name in (RECORD, INFOTEXT, *foreign_recipes.TEXTS):
        if len(texts.get(name, "")) > MAX_RECIPE:
            raise BadInfotext(f"the picture's `{name}` is longer than {MAX_RECIPE} characters")
    if (text := texts.get(RECORD)) is not None:
        return _from_record(text)
    if (recipe := foreign_recipes.read(texts)) is not None:
        return recipe
    if (text := texts.get(INFOTEXT)) is not None:
        try:
            return infotext.read(text)
        except BadInfotext as error:
            raise BadInfotext(f"the picture's `{INFOTEXT}` cannot be used: it {error}") from error
    return None


def _from_record(text: str) -> Recipe:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        detail = f"the picture's `{RECORD}` is not JSON: {str(error)[:200]}"
        raise BadInfotext(detail) from error
    fields = cast("Any", found.get("request")) if isinstance(found, dict) else None
    if not isinstance(fields, dict):
        raise BadInfotext(f"the picture's `{RECORD}` has no object named `request`")
    fields = cast("dict[str, Any]", fields)
    model, model_hash = fields.get("model"), cast("dict[str, Any]", found).get("model_hash")
    return Recipe(
        fields,
        model if isinstance(model, str) else None,
        model_hash if isinstance(model_hash, str) else None,
    )


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _add_ons(recipe: Recipe, cards: list[ModelCard]) -> dict[str, Any]:
    """The autoencoder and the face restorer that its text names, where they are here; else that is
    as good as unread."""
    found: dict[str, Any] = {}
    name = recipe.unread.get(VAE, "").removesuffix(".safetensors")
    if any(name == each.name for card in cards for each in card.vaes):
        del recipe.unread[VAE]
        found["vae"] = name
    wanted = recipe.unread.get(FACES, "").lower()
    restorers = [each.name for card in cards for each in card.face_restorers]
    # AUTOMATIC1111 says GFPGAN of a file that is GFPGANv1.4.
    fitting = [each for each in restorers if wanted and each.startswith(wanted)]
    if fitting:
        del recipe.unread[FACES]
        strength = number(recipe.unread.pop(FACES_STRENGTH, "1"))
        found["restore_faces"] = {"model": fitting[0], "strength": strength}
    return found


def _model(recipe: Recipe, cards: list[ModelCard]) -> dict[str, str]:
    """The offered model of the recipe: by the hash of its weights, else by its name. Where several
    have these weights, each with settings of its own, the one of that name."""
    if recipe.model is None and recipe.model_hash is None:
        return {}
    names = (recipe.model, name_of_file(recipe.model or ""))
    named = [card for card in cards if card.name in names]
    if recipe.model_hash:
        for card in [*named, *cards]:
            if card.sha256 and card.sha256.startswith(recipe.model_hash.lower()):
                return {"model": card.name}
    if named:
        exact = [card for card in named if card.name == recipe.model]
        return {"model": (exact or named)[0].name}
    made_by = " ".join(filter(None, [recipe.model, recipe.model_hash and recipe.model_hash[:10]]))
    there_are = ", ".join(card.name for card in cards)
    detail = f"the picture was made by {made_by[:80]}, which is not here; there are: {there_are}"
    raise InvalidRequest([FieldError(pointer="/model", detail=detail)])
