"""Single values of a request: their types, limits and what is made of them on the way in."""

from __future__ import annotations

import re
from typing import Annotated, Literal, NamedTuple, TypeGuard, get_args

from pydantic import AfterValidator, BaseModel, Field, JsonValue

from jobs.pictures.preprocessors import Preprocessor
from jobs.request.samplers import SAMPLERS, canonical_sampler
from jobs.settings import settings

LIMITS = settings()


class Most(NamedTuple):
    """How large a picture may come of a request: the longest side, and all its pixels."""

    side: int
    pixels: int


DRAWN = Most(LIMITS.max_size, LIMITS.max_pixels)

LONGEST = 32_752
"""Pixels of a side at most, whatever the settings: `Size.score` keeps no longer one."""

ENLARGED = Most(min(LONGEST, 4 * DRAWN.side), 8 * DRAWN.pixels)
"""Of pictures that are enlarged and into which nothing is drawn: no network has to hold them whole,
and by default a photograph of 8 megapixels still gets twice as large, of 12 half as large again."""


SEEDS = 2**32
"""Seeds are below this, as in AUTOMATIC1111, whose users carry them over."""

MAX_METADATA_BYTES = 4096
"""Metadata travels with the job's record in Redis, so it stays small."""

MAX_LORAS = 8
MAX_CONTROLS = 4
"""Each is one more network in every forward."""

MAX_IP_ADAPTERS = 4
MAX_IP_PICTURES = 8
"""Each is read once, and then some tokens more in every forward."""

MAX_REFERENCES = 9
"""Each is as many tokens in every forward as a picture more; no model is known that takes more."""

MAX_STYLES = 8

LEAST_PADDING = 32
MOST_PADDING = 512
"""Pixels round a masked area that it gets to see, where nothing is said of them."""

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that steer a terminal or end a line where nobody sees it; not newline and tab."""

Priority = Literal["low", "normal", "high"]
Resize = Literal["stretch", "crop", "pad"]
Fill = Literal["fill", "original", "noise", "nothing"]
Tiling = Literal["none", "x", "y", "both"]
Area = Literal["whole", "masked"]
WebhookEvent = Literal["status", "output", "done"]
PREPROCESSORS: tuple[str, ...] = get_args(Preprocessor)


TUNED = ("canny", "scribble", "tile", "blur", "luminance", "intensity", "threshold")
"""The preprocessors that `threshold_a` tunes."""

TUNED_TWICE = ("canny",)
"""Those that `threshold_b` tunes as well."""


def is_built_in(name: str) -> TypeGuard[Preprocessor]:
    """Whether it is one of the preprocessors that need no weights."""
    return name in PREPROCESSORS


ControlMode = Literal["balanced", "prompt", "control", "guess"]
ControlType = Literal[
    "openpose", "depth", "scribble", "canny", "normal", "segment", "tile", "repaint"
]


OWN_SAMPLER = "default"
"""The sampler of the model's own choice; the only one of a pipeline that runs whole."""


def _known_sampler(name: str) -> str:
    known = OWN_SAMPLER if name == OWN_SAMPLER else canonical_sampler(name)
    if known is None:
        raise ValueError(f"no sampler is named {name[:60]!r}; there are {', '.join(SAMPLERS)}")
    return known


def _plain_text(text: str) -> str:
    """The text with a space for each control character, and every line ended by a newline."""
    return CONTROLS.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))


def _small(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    size = len(_METADATA.model_construct(metadata=metadata).model_dump_json().encode())
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"must be at most {MAX_METADATA_BYTES} bytes of JSON; it has {size}")
    return metadata


class _METADATA(BaseModel):
    metadata: dict[str, JsonValue]


Prompt = Annotated[str, Field(max_length=LIMITS.max_prompt), AfterValidator(_plain_text)]
Size = Annotated[int, Field(ge=8, le=LIMITS.max_size)]
Steps = Annotated[int, Field(ge=1, le=LIMITS.max_steps)]
GuidanceScale = Annotated[float, Field(ge=0, le=50)]
Seed = Annotated[int, Field(ge=0, lt=SEEDS)]
Strength = Annotated[float, Field(ge=0, le=1)]
Padding = Annotated[int, Field(ge=0, le=MOST_PADDING)]
Sampler = Annotated[str, Field(max_length=64), AfterValidator(_known_sampler)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Block = Literal[
    "BASE",
    "IN00",
    "IN01",
    "IN02",
    "IN03",
    "IN04",
    "IN05",
    "IN06",
    "IN07",
    "IN08",
    "IN09",
    "IN10",
    "IN11",
    "MID",
    "OUT00",
    "OUT01",
    "OUT02",
    "OUT03",
    "OUT04",
    "OUT05",
    "OUT06",
    "OUT07",
    "OUT08",
    "OUT09",
    "OUT10",
    "OUT11",
]
BlockWeight = Annotated[float, Field(ge=-4, le=4)]
Picture = Annotated[str, Field(min_length=1, max_length=LIMITS.max_body)]
Metadata = Annotated[dict[str, JsonValue], AfterValidator(_small)]
