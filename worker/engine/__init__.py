"""The diffusion engine: tensors only, no queue, no network.

`Engine` develops many images at once by step-level continuous batching; `ModelSource` is what
it asks for models.
"""

from worker.engine.anatomy import show as anatomy
from worker.engine.anatomy.study import Study
from worker.engine.backends.backends import Backends
from worker.engine.backends.cabinet import Cabinet
from worker.engine.engine import TOLERANCE, Engine, Finished, Progress
from worker.engine.errors import (
    DeadlineExceeded,
    EngineError,
    InvalidRequest,
    ModelUnavailable,
    NotFinite,
    OutOfMemory,
    Sentence,
)
from worker.engine.families.model import LoadedModel
from worker.engine.families.unet import UNetModel
from worker.engine.memory.costs import Cost
from worker.engine.memory.device import describe, make_current
from worker.engine.memory.notebook import Notebook
from worker.engine.model_source import ModelSource
from worker.engine.prompt.kept import KeptEmbeddings
from worker.engine.prompt.text_encoder import TextEncoder
from worker.engine.request import (
    Control,
    DynamicThresholding,
    Enlarge,
    FreeU,
    ImageRequest,
    IPAdapter,
    Lora,
    Picture,
    ReferenceOnly,
    Region,
    RestoreFaces,
    TraceWish,
)
from worker.engine.runner import Observer
from worker.engine.shares import Shares
from worker.engine.task import Stage
from worker.engine.trace.recording import Trace

__all__ = [
    "TOLERANCE",
    "Backends",
    "Cabinet",
    "Control",
    "Cost",
    "DeadlineExceeded",
    "DynamicThresholding",
    "Engine",
    "EngineError",
    "Enlarge",
    "Finished",
    "FreeU",
    "IPAdapter",
    "ImageRequest",
    "InvalidRequest",
    "KeptEmbeddings",
    "LoadedModel",
    "Lora",
    "ModelSource",
    "ModelUnavailable",
    "NotFinite",
    "Notebook",
    "Observer",
    "OutOfMemory",
    "Picture",
    "Progress",
    "ReferenceOnly",
    "Region",
    "RestoreFaces",
    "Sentence",
    "Shares",
    "Stage",
    "Study",
    "TextEncoder",
    "Trace",
    "TraceWish",
    "UNetModel",
    "anatomy",
    "describe",
    "make_current",
]
