"""Names that ComfyUI has for what is here: samplers, schedulers, and the files of models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from jobs.request.model_card import ENDING, AddOn, ModelCard, name_of_file
from jobs.request.samplers import SAMPLER_STAND_INS

FILE = ".safetensors"
"""Models are files to these clients, whatever they are here."""

BAKED_VAE = "Baked VAE"
"""What stands for the VAE that is in the checkpoint: there is no other here."""

SAMPLERS = {
    "euler": "euler",
    "euler_ancestral": "euler_a",
    "heun": "heun",
    "dpm_2": "dpm2",
    "dpm_2_ancestral": "dpm2_a",
    "lms": "lms",
    "dpmpp_2s_ancestral": "dpmpp_2s_a",
    "dpmpp_sde": "dpmpp_sde",
    "dpmpp_sde_gpu": "dpmpp_sde",
    "dpmpp_2m": "dpmpp_2m",
    "dpmpp_2m_sde": "dpmpp_2m_sde",
    "dpmpp_2m_sde_gpu": "dpmpp_2m_sde",
    "dpmpp_2m_sde_heun": "dpmpp_2m_sde_heun",
    "dpmpp_2m_sde_heun_gpu": "dpmpp_2m_sde_heun",
    "dpmpp_3m_sde": "dpmpp_3m_sde",
    "dpmpp_3m_sde_gpu": "dpmpp_3m_sde",
    "ddpm": "ddpm",
    "lcm": "lcm",
    "ipndm": "ipndm",
    "deis": "deis",
    "sa_solver": "sa_solver",
    "ddim": "ddim",
    "uni_pc": "unipc",
    "tcd": "tcd",
    "pndm": "pndm",
    # Not made here: the job says what stands in for each.
    **{name: name for name in SAMPLER_STAND_INS},
}
"""Our sampler by ComfyUI's name for it; the last that are made here, it does not have itself."""

SCHEDULERS = {
    "normal": "normal",
    "karras": "karras",
    "exponential": "exponential",
    "sgm_uniform": "sgm_uniform",
    "simple": "simple",
    "ddim_uniform": "ddim",
    "beta": "beta",
    "linear_quadratic": "linear_quadratic",
    "kl_optimal": "kl_optimal",
    "automatic": "automatic",
}
"""Our schedule by ComfyUI's name for it; `automatic` is the model's own, which it does not have."""


PRESETS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "LIGHT - SD1.5 only (low strength)": (("light",), ()),
    "STANDARD (medium strength)": ((), ("light", "plus", "face", "vit-g", "vitg")),
    "VIT-G (medium strength)": (("vit", "g"), ("vit-h", "vith", "plus", "face")),
    "PLUS (high strength)": (("plus",), ("face",)),
    "PLUS FACE (portraits)": (("plus", "face"), ()),
    "FULL FACE - SD1.5 only (portraits stronger)": (("full", "face"), ()),
}
"""What the name of an IP-Adapter has and what it has not that a preset of the extension for them
means: that looks for files by their names as well."""

WEIGHTS = (
    *("linear", "ease in", "ease out", "ease in-out", "reverse in-out", "weak input"),
    *("weak output", "weak middle", "strong middle", "style transfer", "composition"),
    *("strong style transfer", "style and composition", "style transfer precise"),
    "composition precise",
)
SCALINGS = ("V only", "K+V", "K+V w/ C penalty", "K+mean(V) w/ C penalty")
"""How that extension weighs the network's layers and what it multiplies by the weight; of each the
first is done here."""

OWN_ENCODER = "the adapter's own"


@dataclass(frozen=True)
class Choices:
    """What may be chosen in a graph: the models that are offered, and pictures that were sent."""

    cards: list[ModelCard]
    images: list[str]

    def names(self, of: str) -> list[str]:
        """The names in one of the lists, the first of which a client takes where nobody chose."""
        return self._lists[of]()

    def find(self, of: str, name: str) -> str | None:
        """The name in a list that is meant by one with another ending, or none, or of a file that
        is named as it is elsewhere, with its folders; None if unknown."""
        known = self.names(of)
        if name in known or of in ("images", "methods", "crops"):
            return name if name in known else None
        bare = ENDING.sub("", name)
        for meant in (bare, name_of_file(name) if of in FOLDERS else bare):
            for each in known:
                if ENDING.sub("", each) == meant:
                    return each
        return None

    def card(self, checkpoint: str) -> ModelCard:
        """The model of a name in the list of checkpoints."""
        return next(card for card in self.cards if card.name + FILE == checkpoint)

    @property
    def _lists(self) -> dict[str, Callable[[], list[str]]]:
        return {
            "checkpoints": lambda: [card.name + FILE for card in self.cards],
            "loras": lambda: self._files(lambda card: card.loras),
            "controlnet": lambda: self._files(lambda card: card.controlnets),
            "upscale_models": lambda: self._files(lambda card: card.upscalers),
            "embeddings": lambda: self._files(lambda card: card.embeddings),
            "ipadapter": lambda: self._files(lambda card: card.ip_adapters),
            "clip_vision": lambda: [OWN_ENCODER],
            "presets": lambda: list(PRESETS),
            "simple_weights": lambda: ["standard", "prompt is more important", "style transfer"],
            "weights": lambda: list(WEIGHTS),
            "combinations": lambda: ["concat", "add", "subtract", "average", "norm average"],
            "scalings": lambda: list(SCALINGS),
            "vae": lambda: [BAKED_VAE],
            "samplers": lambda: list(SAMPLERS),
            "schedulers": lambda: list(SCHEDULERS),
            "images": lambda: self.images,
            "methods": lambda: ["nearest-exact", "bilinear", "area", "bicubic", "bislerp"],
            "picture_methods": lambda: ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"],
            "crops": lambda: ["disabled", "center"],
            "channels": lambda: ["alpha", "red", "green", "blue"],
            "switch": lambda: ["enable", "disable"],
        }

    def _files(self, of: Callable[[ModelCard], Iterable[AddOn]]) -> list[str]:
        return list(dict.fromkeys(each.name + FILE for card in self.cards for each in of(card)))


FOLDERS = (
    *("checkpoints", "loras", "controlnet", "ipadapter", "upscale_models", "embeddings", "vae"),
)
"""ComfyUI's folders of models that there is something in here."""


def bare(name: str) -> str:
    """The name of an add-on here, of the file that it is there."""
    return name.removesuffix(FILE)
