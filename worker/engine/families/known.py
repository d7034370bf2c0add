"""Which class runs a family's models."""

from collections.abc import Callable, Mapping

from worker.engine.families.flux import Flux
from worker.engine.families.model import LoadedModel
from worker.engine.families.sd3 import StableDiffusion3
from worker.engine.families.transformer import Parts

TRANSFORMERS: Mapping[str, Callable[[Parts], LoadedModel]] = {
    "sd3": StableDiffusion3,
    "flux": Flux,
}
"""The flow-matching transformers by the names of their families."""
