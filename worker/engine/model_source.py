"""Where the engine finds models and what pictures add to them: loading is somebody else's work."""

from typing import Any, Literal, Protocol

from worker.engine.families.model import LoadedModel
from worker.engine.whole.pipeline import WholeModel

AddOnKind = Literal["lora", "controlnet", "ip-adapter", "upscaler", "vae", "face-restorer"]
"""What can be added to a model for one picture."""


class ModelSource(Protocol):
    """What the engine asks for models, between two steps and from its own thread."""

    def get(self, name: str) -> LoadedModel | WholeModel | None:
        """The model, or None while it is being loaded in the background (never blocks).

        Asked before every step for each model that a task waits for. One name means the same
        weights for as long as a task holds them. Raises ModelUnavailable with a clear sentence.
        """
        ...

    def add_on(self, kind: AddOnKind, name: str, model: str) -> Any | None:
        """A LoRA (LoraWeights), ControlNet, IP-Adapter, upscaler, autoencoder or face restorer for
        use with `model`, or None as above."""
        ...
