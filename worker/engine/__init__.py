"""The diffusion engine: tensors only, no queue, no network.

`Engine` develops many images at once by step-level continuous batching; `ModelSource` is what
it asks for models.
"""

from .device import describe
from .engine import TOLERANCE, Engine, Finished, Progress
from .errors import (
    DeadlineExceeded,
    EngineError,
    InvalidRequest,
    ModelUnavailable,
    NotFinite,
    OutOfMemory,
)
from .model import LoadedModel, ModelSource
from .notebook import Notebook
from .prompt import TextEncoder
from .request import Control, Enlarge, ImageRequest, Lora
from .runner import Observer
from .task import Stage

__all__ = [
    "TOLERANCE",
    "Control",
    "DeadlineExceeded",
    "Engine",
    "EngineError",
    "Enlarge",
    "Finished",
    "ImageRequest",
    "InvalidRequest",
    "LoadedModel",
    "Lora",
    "ModelSource",
    "ModelUnavailable",
    "NotFinite",
    "Notebook",
    "Observer",
    "OutOfMemory",
    "Progress",
    "Stage",
    "TextEncoder",
    "describe",
]
