"""The diffusion engine: tensors only, no queue, no network.

`Engine` develops many images at once by step-level continuous batching; `ModelSource` is what
it asks for models.
"""

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
from .runner import Observer
from .task import ImageRequest

__all__ = [
    "TOLERANCE",
    "DeadlineExceeded",
    "Engine",
    "EngineError",
    "Finished",
    "ImageRequest",
    "InvalidRequest",
    "LoadedModel",
    "ModelSource",
    "ModelUnavailable",
    "NotFinite",
    "Observer",
    "OutOfMemory",
    "Progress",
]
