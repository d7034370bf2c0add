"""What the engine asks of a loaded model, whatever its networks are."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch

from worker.engine.backends.network import Network
from worker.engine.errors import InvalidRequest, NotFinite, say
from worker.engine.parts.autoencoder import Autoencoder
from worker.engine.parts.control import LoadedControlNet
from worker.engine.parts.junction import Junction
from worker.engine.parts.lora import LoraSwitch
from worker.engine.parts.rows import Pair, Rows
from worker.engine.parts.visits import Offload
from worker.engine.preview import LatentPreview, TinyPreview
from worker.engine.prompt.prompt import PromptEncoder
from worker.engine.prompt.text.spelling import Spelling
from worker.engine.request import ImageRequest
from worker.engine.sampling.sampler import Sampler, make_sampler
from worker.engine.trace.attention import Layout


@dataclass(frozen=True)
class Text:
    """What a prompt became: inputs by name, the tokens that it has, the windows that they took."""

    inputs: Mapping[str, Pair]
    tokens: int
    chunks: int = 1

    def towards(self, other: "Text", share: float) -> "Text":
        """What lies this far on the straight line to another prompt's, number by number.

        Raises InvalidRequest where the two are not equally long and so have no such line.
        """
        pairs = {
            name: Pair(_between(name, pair.prompt, other.inputs[name].prompt, share), pair.negative)
            for name, pair in self.inputs.items()
        }
        return Text(pairs, max(self.tokens, other.tokens), max(self.chunks, other.chunks))


def _between(name: str, start: torch.Tensor, end: torch.Tensor, share: float) -> torch.Tensor:
    if start.shape != end.shape:
        raise InvalidRequest(
            "blend_prompt: for this model the two prompts must be about equally long; one takes"
            f" {start.shape[1]} places of the text encoder and the other {end.shape[1]}."
        )
    if "mask" in name or name == "counts" or not start.is_floating_point():
        # As many places are looked at as the longer of the two has.
        return torch.maximum(start, end)
    return torch.lerp(start, end, share)


@dataclass(frozen=True)
class Scene:
    """What the other inputs of a picture are made from: its text, the size in pixels, guidance;
    for a network that is shown what it repaints, the mask (1, 1, h, w) and the latents of the
    masked picture (1, C, h, w), with the mask in pixels (1, 1, height, width); the latents of the
    pictures that it edits, as it is shown them; whether ControlNets steer it; its class."""

    text: Text
    width: int
    height: int
    guidance_scale: float
    mask: torch.Tensor | None = None
    masked: torch.Tensor | None = None
    painted: torch.Tensor | None = None
    shown: tuple[torch.Tensor, ...] = ()
    steered: bool = False
    label: int | None = None


class LoadedModel(ABC):
    """A model whose rows share forwards, on its device and in its dtype: one class a family.

    Latents are (1, C, h, w) everywhere but inside `forward`, which packs them as its network
    likes. Build it where the loading happens: fitting the preview takes some tenths of a second.
    """

    name: str
    device: torch.device
    dtype: torch.dtype
    autoencoder: Autoencoder
    loras: LoraSwitch
    preview: LatentPreview | TinyPreview
    """RGB in uint8 of latents (1, C, h, w), without the decoder."""

    offload: Offload | None
    """Which parts lie in main memory until their turn."""

    original: "LoadedModel | None" = None
    """What this shares all but its autoencoder with."""

    @property
    def prompts(self) -> PromptEncoder | None:
        """Where prompts know learned words (textual inversion), what reads them."""
        return None

    @property
    @abstractmethod
    def window(self) -> int:
        """Prompt tokens that one pass of the text encoder takes."""

    @property
    def inpaints(self) -> bool:
        """Whether the network is shown the mask and the masked picture, and needs them."""
        return False

    @property
    def draws_unseen(self) -> bool:
        """Whether an inpainting network's picture is encoded where the walk begins with noise alone
        as well: the draw of its posterior moves those after it, and so it is in diffusers."""
        return False

    @property
    def edits(self) -> int:
        """How many pictures the network may be shown to edit them; 0 for one that edits none."""
        return 0

    @property
    def refers(self) -> bool:
        """Whether its forwards take references, the pictures of IP-Adapters."""
        return False

    @property
    def loras_by_row(self) -> bool:
        """Whether each row of a forward may have LoRAs of its own."""
        return False

    @property
    def control_reads(self) -> Sequence[str]:
        """Inputs that ControlNets are given as the row with the prompt has them, for the row
        without it too; the others are given as each row has them."""
        return ()

    @property
    def only_edits(self) -> bool:
        """Whether the network draws nothing without a picture to edit."""
        return False

    @property
    def wraps(self) -> bool:
        """Whether pictures' edges can meet: what the network knows of places are convolutions."""
        return False

    @property
    def junctions(self) -> Sequence[Junction]:
        """Where a U-Net's skips join its way up, in the stages that FreeU knows; else none."""
        return ()

    @property
    def looking_about(self) -> Sequence[Any]:
        """The attentions in which places see each other that perturbed-attention guidance acts on:
        a U-Net's middle; else none."""
        return ()

    @property
    def latent_channels(self) -> int:
        """Channels of a latent pixel."""
        return self.autoencoder.channels

    @property
    def factor(self) -> int:
        """Width and height of a picture are multiples of it, in pixels."""
        return self.autoencoder.scale

    def with_autoencoder(self, vae: Any) -> "LoadedModel":
        """The same model, all of it shared, with another autoencoder for the same latents."""
        other = copy(self)
        other.autoencoder = self.autoencoder.of(vae)
        # Whoever holds the one keeps the other in use.
        other.original = self
        return other

    @abstractmethod
    def modules(self) -> Sequence[Any]:
        """Everything that has weights."""

    def broken_part(self) -> str | None:
        """The class of a part whose weights are no numbers; None where all are."""
        for module in self.modules():
            if not all(bool(each.isfinite().all()) for each in module.parameters()):
                return type(module).__name__
        return None

    def to_blame(self) -> NotFinite | None:
        """What is said of a picture that is no numbers, where that is the model's fault."""
        if not (broken := self.broken_part()):
            return None
        return NotFinite(
            say(
                "model-not-finite",
                "{model} is broken: its {part} has NaN or infinity among its weights; fetch its"
                " file again.",
                model=self.name,
                part=broken,
            )
        )

    @property
    @abstractmethod
    def denoiser(self) -> tuple[Any, ...]:
        """Of these the network that makes the steps."""

    @property
    def networks(self) -> Sequence[Network]:
        """The denoiser, where its calls may run another way than the plain one."""
        return ()

    @property
    def text_networks(self) -> Sequence[Network]:
        """Its text encoders, where that is so of their calls."""
        return ()

    # What a prompt becomes, and what else a row has

    @abstractmethod
    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        """The request's prompts, as inputs of a row. `variant` is whatever changes the encoders
        (the LoRAs). Raises InvalidRequest for what would not be read."""

    def read_all(self, requests: Sequence[ImageRequest], *, variant: Hashable = ()) -> list[Text]:
        """Prompts that one picture has at different steps or side by side: of one shape, so that it
        keeps its mates from step to step. Raises InvalidRequest where they are too unlike."""
        texts = [self.read(each, variant=variant) for each in requests]
        shapes = {
            tuple((name, pair.prompt.shape) for name, pair in text.inputs.items()) for text in texts
        }
        if len(shapes) > 1:
            raise InvalidRequest(
                f"prompt: the texts that it changes between or joins have {_lengths(texts)} tokens,"
                f" for which the model {self.name} reads sequences of different lengths; bring them"
                " nearer to each other."
            )
        return texts

    def spell(self, prompt: str) -> list[Spelling]:
        """The prompt's tokens and words as each of the text encoders reads them; empty where the
        family does not say."""
        return []

    def nearest(self, word: str) -> list[str]:
        """Words that the model's first vocabulary has whole and that look most like this one."""
        return []

    def inputs(self, scene: Scene) -> dict[str, Pair]:
        """Every input that a picture's rows have beside latents and timestep."""
        return dict(scene.text.inputs)

    def shown(self, request: ImageRequest) -> tuple[torch.Tensor, ...]:
        """The latents of the pictures that a request has edited, as the network is shown them."""
        raise InvalidRequest(f"kind: the model {self.name} edits no pictures.")

    def shown_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height at which it is shown a picture of this size to edit it."""
        return width, height

    # Latents, and the forward over rows

    def latent_size(self, width: int, height: int) -> tuple[int, int]:
        """Height and width of the latents of a picture."""
        return height // self.autoencoder.scale, width // self.autoencoder.scale

    def steering(
        self, control: LoadedControlNet, picture: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """What a ControlNet is shown of its picture (1, 3, height, width), 0 to 1, on the device.
        What is drawn for it is drawn by the picture's own generator."""
        return picture

    def noise(self, width: int, height: int, generator: torch.Generator) -> torch.Tensor:
        """What a picture of this size begins from, (1, C, h, w) in fp32: drawn on the CPU."""
        shape = (1, self.latent_channels, *self.latent_size(width, height))
        return torch.randn(shape, generator=generator)

    @abstractmethod
    def forward(self, rows: Rows) -> torch.Tensor:
        """What the network predicts for every row: (n, C, h, w)."""

    @property
    def attentions(self) -> Mapping[str, Any]:
        """The modules in which the picture's places look at words, by their paths; none where that
        cannot be told."""
        return {}

    def layout(self, rows: Rows, row: int) -> Layout:
        """Where in those attentions a row's places and words stand."""
        return Layout()

    # What the prediction means, and how many steps lead where

    @abstractmethod
    def sampler(
        self, request: ImageRequest, width: int, height: int, steps: int, strength: float
    ) -> Sampler:
        """A fresh walk at this size. Raises InvalidRequest for what the family does not take."""

    # How guidance works

    def cfg_scale(self, request: ImageRequest) -> float:
        """The scale of classifier-free guidance; up to 1 there is none."""
        return request.guidance_scale

    def guided(self, request: ImageRequest) -> bool:
        """Whether a picture takes a second row, without the prompt."""
        return self.cfg_scale(request) > 1 or request.cfg_plus_plus

    @property
    def guided_rows(self) -> int:
        """Rows that a picture with guidance takes."""
        return 2

    def guide(
        self, without: torch.Tensor, towards: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        """Classifier-free guidance (arXiv 2207.12598) over rows; `scale` is (n, 1, 1, 1)."""
        return without + scale * (towards - without)

    def guide_by_picture(
        self,
        bare: torch.Tensor,
        without: torch.Tensor,
        towards: torch.Tensor,
        scale: torch.Tensor,
        kept: torch.Tensor,
    ) -> torch.Tensor:
        """Guidance by prompt and picture (arXiv 2211.09800, section 3.2.1): `bare` has neither,
        `kept` is the picture's scale."""
        return bare + kept * (without - bare) + scale * (towards - without)


def _lengths(texts: Sequence[Text]) -> str:
    counts = sorted({text.tokens for text in texts})
    return f"{counts[0]} to {counts[-1]}"


def noise_sampler(
    request: ImageRequest, scheduler_config: Mapping[str, Any], steps: int, strength: float
) -> Sampler:
    """A fresh walk for a network that predicts noise or velocity, whatever the size."""
    return make_sampler(
        request.sampler,
        scheduler_config,
        steps,
        schedule=request.schedule,
        strength=strength,
        seed=request.seed,
    )


def broken_part(model: LoadedModel) -> str | None:
    """The class of a part whose weights are no numbers; None where all are."""
    for module in model.modules():
        if not all(bool(each.isfinite().all()) for each in module.parameters()):
            return type(module).__name__
    return None
