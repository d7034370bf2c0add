"""Which class runs a family's models."""

from collections.abc import Callable, Mapping

from worker.engine.families.flux.chroma import Chroma
from worker.engine.families.flux.flux import Flux
from worker.engine.families.flux.flux2 import Flux2, Flux2Klein
from worker.engine.families.hidream import HiDream
from worker.engine.families.lumina2 import Lumina2
from worker.engine.families.model import LoadedModel
from worker.engine.families.pixart import PixArtSigma
from worker.engine.families.qwen.qwen_image import QwenImage
from worker.engine.families.qwen.qwen_image_21 import QwenImage21
from worker.engine.families.sana import Sana, SanaSprint
from worker.engine.families.sd3 import StableDiffusion3
from worker.engine.families.transformer import Parts
from worker.engine.families.z_image import ZImage

TRANSFORMERS: Mapping[str, Callable[[Parts], LoadedModel]] = {
    "sd3": StableDiffusion3,
    "flux": Flux,
    "qwen-image": QwenImage,
    "qwen-image-21": QwenImage21,
    "z-image": ZImage,
    "sana": Sana,
    "sana-sprint": SanaSprint,
    "pixart-sigma": PixArtSigma,
    "lumina2": Lumina2,
    "flux2": Flux2,
    "flux2-klein": Flux2Klein,
    "chroma": Chroma,
    "hidream": HiDream,
}
"""The transformers by the names of their families."""
