"""What the transformers of flow matching have in common: they differ in what a row takes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Protocol

import numpy as np
import torch

from worker.engine.backends.network import Network, Run, predicted
from worker.engine.errors import InvalidRequest
from worker.engine.families.model import LoadedModel, Scene
from worker.engine.ground.transfer import sent
from worker.engine.parts.autoencoder import Autoencoder
from worker.engine.parts.control import LoadedControlNet
from worker.engine.parts.lora import LoraSwitch
from worker.engine.parts.rows import Pair, Rows
from worker.engine.parts.upscaler import lanczos
from worker.engine.parts.visits import Offload, Visits
from worker.engine.preview import LatentPreview, TinyPreview
from worker.engine.prompt.away import Away
from worker.engine.prompt.text.spelling import Spelling
from worker.engine.prompt.text_encoder import TextEncoder
from worker.engine.request import ImageRequest
from worker.engine.sampling.flow import Course, make_flow_sampler
from worker.engine.sampling.sampler import Sampler

SHOWN = "shown_"
"""How inputs are named that are latents of pictures to edit."""


@dataclass(frozen=True)
class Parts:
    """A model as it was loaded: `components` are its modules and tokenizers by the names that
    diffusers gives them, `options` what else its model_index.json says, `pipeline` the name of its
    pipeline's class, `edit_pictures` how many an edit is given; the rest is as in `UNetModel`. Text
    encoders that are `away` are so by their names."""

    name: str
    components: Mapping[str, Any]
    scheduler_config: Mapping[str, Any]
    device: torch.device
    dtype: torch.dtype
    tiny_vae: Any | None = None
    tiny_decode: bool = False
    offload: Offload | None = None
    away: Mapping[str, Away] = field(default_factory=dict[str, Away])
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    pipeline: str = ""
    edit_pictures: int = 0

    def text_encoder(self, number: int = 1) -> TextEncoder | None:
        """A text encoder with its tokenizer, by its number; None where the model has none."""
        end = "" if number == 1 else f"_{number}"
        model = self.components.get(f"text_encoder{end}")
        away = self.away.get(f"text_encoder{end}")
        return model and TextEncoder(self.components[f"tokenizer{end}"], model, away)

    def only_text_encoder(self, family: str) -> TextEncoder:
        """The text encoder of a family that has one. Raises ValueError where it is missing."""
        encoder = self.text_encoder()
        if encoder is None:
            raise ValueError(f"{family} has a text encoder.")
        return encoder

    @property
    def modules(self) -> list[Any]:
        """Those that have weights."""
        parts = [*self.components.values(), self.tiny_vae]
        return [part for part in parts if isinstance(part, torch.nn.Module)]


class Reader(Protocol):
    """What reads a prompt for one text encoder, and can say what it reads."""

    def spell(self, text: str) -> Spelling:
        """The text's tokens and words."""
        ...

    def nearest(self, word: str) -> list[str]:
        """Words that the vocabulary has whole and that look most like this one."""
        ...


class TransformerModel(LoadedModel):
    """A flow-matching transformer. A family derives from it, and says `read`, `forward` and, where
    it is another, the `course` of its pipeline.

    Where it was distilled with guidance `guidance_scale` is an input of each row, and
    `true_cfg_scale` takes a second one; else `guidance_scale` does.
    """

    autoencoder_class: ClassVar[type[Autoencoder]] = Autoencoder
    looks: ClassVar[re.Pattern[str]] = re.compile(r".*blocks\.\d+\.attn")
    """Paths of the modules in which places look at words."""

    run: ClassVar[Run] = staticmethod(predicted)
    """How the transformer is called, with tensors of rows and plain numbers: what all rows share,
    such as where each token stands, is made of those within."""

    patch: int = 2
    """Latent pixels a side that are one token."""

    def __init__(self, parts: Parts) -> None:
        self.name, self.device, self.dtype = parts.name, parts.device, parts.dtype
        self.offload = parts.offload
        self.scheduler_config = parts.scheduler_config
        self.transformer = parts.components["transformer"]
        self._edits = parts.edit_pictures
        self._modules = parts.modules
        for module in self._modules:
            module.eval().requires_grad_(False)
        self._visits = Visits(
            parts.device, parts.offload, self.transformer, list(parts.away.values())
        )
        vae = parts.components["vae"]
        tiny = parts.tiny_vae if parts.tiny_decode else None
        self.autoencoder = self.autoencoder_class(vae, self._visits, tiny)
        encoders = [name for name in sorted(parts.components) if name.startswith("text_encoder")]
        self.loras = LoraSwitch(
            self.transformer,
            [parts.components[name] for name in encoders if parts.components[name] is not None],
            denoiser_name="transformer",
        )
        self._network = Network(
            self.transformer, parts.name, run=self.run, make_plain=partial(self.loras.use, ())
        )
        if parts.tiny_vae is not None:
            self.preview = TinyPreview(parts.tiny_vae)
            return
        with self._visits.of(vae):
            self.preview = LatentPreview.fit(
                self.autoencoder.decoded, self.latent_channels, self.device
            )

    @property
    def networks(self) -> tuple[Network, ...]:
        return (self._network,) if self._visits.none else ()

    @property
    def readers(self) -> Mapping[str, Reader]:
        """What reads prompts, by the names that diffusers gives the text encoders; empty where it
        is not said, and then a trace has no words."""
        return {}

    def spell(self, prompt: str) -> list[Spelling]:
        return [replace(each.spell(prompt), encoder=name) for name, each in self.readers.items()]

    def nearest(self, word: str) -> list[str]:
        return next((each.nearest(word) for each in self.readers.values()), list[str]())

    @property
    def attentions(self) -> Mapping[str, Any]:
        return {
            name: module
            for name, module in self.transformer.named_modules()
            if self.looks.fullmatch(name)
        }

    def places(self, rows: Rows) -> int:
        """Tokens that a row's picture is."""
        height, width = rows.latents.shape[-2:]
        return height // self.patch * (width // self.patch)

    @property
    def edits(self) -> int:
        return self._edits

    @property
    def distilled(self) -> bool:
        """Whether the guidance scale is an input of each row."""
        return bool(getattr(self.transformer.config, "guidance_embeds", False))

    def cfg_scale(self, request: ImageRequest) -> float:
        return request.true_cfg_scale if self.distilled else request.guidance_scale

    def inputs(self, scene: Scene) -> dict[str, Pair]:
        made = super().inputs(scene)
        if self.distilled:
            made["guidance"] = Pair(sent(torch.tensor([scene.guidance_scale]), self.device))
        if scene.steered and scene.shown:
            raise InvalidRequest(f"controls: the model {self.name} takes none where it edits.")
        return made | {f"{SHOWN}{n}": Pair(picture) for n, picture in enumerate(scene.shown)}

    def steering(
        self, control: LoadedControlNet, picture: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """The latents of the picture."""
        return self.autoencoder.encode(picture * 2 - 1, generator)

    def shown(self, request: ImageRequest) -> tuple[torch.Tensor, ...]:
        """Each picture at the size that the family is shown it at."""
        if not self.edits:
            return super().shown(request)
        brought = [
            lanczos(picture, *self.shown_size(picture.shape[1], picture.shape[0]))
            for picture in request.references
        ]
        return tuple(self.autoencoder.likeliest(self.autoencoder.pixels(each)) for each in brought)

    def texts(self, request: ImageRequest) -> list[str]:
        """The prompt, and where the picture is guided the negative one."""
        return [request.prompt, *([request.negative_prompt] if self.guided(request) else [])]

    @property
    def factor(self) -> int:
        return self.autoencoder.scale * self.patch

    def modules(self) -> list[Any]:
        return self._modules

    @property
    def denoiser(self) -> tuple[Any, ...]:
        return (self.transformer,)

    def course(self, steps: int, width: int, height: int) -> Course:
        """The walk of a picture of this size, as the family's own pipeline lays it out."""
        levels: list[float] = np.linspace(1.0, 1 / max(1, steps), max(0, steps)).tolist()
        return Course(steps, levels, self.shift(width, height))

    def sampler(
        self, request: ImageRequest, width: int, height: int, steps: int, strength: float
    ) -> Sampler:
        return make_flow_sampler(
            request.sampler,
            self.scheduler_config,
            self.course(steps, width, height),
            schedule=request.schedule,
            strength=strength,
        )

    def shift(self, width: int, height: int, max_shift: float = 1.15) -> float:
        """How far a schedule is shifted towards noise, by the tokens that a picture has: larger
        ones need more (arXiv 2403.03206, section 5.3.2)."""
        config = self.scheduler_config
        least, most = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
        low, high = config.get("base_shift", 0.5), config.get("max_shift", max_shift)
        slope = (high - low) / (most - least)
        return self.tokens(width, height) * slope + low - slope * least

    def tokens(self, width: int, height: int) -> int:
        """Tokens that a picture of this size is for the transformer."""
        return width // self.factor * (height // self.factor)

    def refuse_clip_skip(self, request: ImageRequest) -> None:
        """Raises InvalidRequest where a request names a layer of an encoder that is read at its
        end."""
        if request.clip_skip != 1:
            raise InvalidRequest(f"clip_skip: the model {self.name} has no layers to skip.")


def take_shown(inputs: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    """The latents (n, C, h, w) of the pictures that rows are shown, taken out of their inputs."""
    names = sorted(name for name in inputs if name.startswith(SHOWN))
    return [inputs.pop(name) for name in names]


def lengths(rows: torch.Tensor) -> torch.Tensor:
    """How long each row of the last axis is, that axis being 1 then."""
    linalg: Any = torch.linalg
    return linalg.vector_norm(rows, dim=-1, keepdim=True)


def packed(latents: torch.Tensor) -> torch.Tensor:
    """Latents (n, C, h, w) as a sequence of patches of 2x2 (n, h/2 * w/2, C * 4), as Flux and
    Qwen-Image take them."""
    rows, channels, height, width = latents.shape
    patches = latents.view(rows, channels, height // 2, 2, width // 2, 2)
    return patches.permute(0, 2, 4, 1, 3, 5).reshape(rows, height * width // 4, channels * 4)


def unpacked(sequence: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Latents (n, C, h, w) of a sequence of patches."""
    rows, _, channels = sequence.shape
    patches = sequence.view(rows, height // 2, width // 2, channels // 4, 2, 2)
    return patches.permute(0, 3, 1, 4, 2, 5).reshape(rows, channels // 4, height, width)


def places(height: int, width: int, device: torch.device, kind: int = 0) -> torch.Tensor:
    """Where each patch stands, as Flux takes it: (height * width, 3), the first number 0 for what
    is drawn and 1 for what is shown."""
    # Of functions alone: a number that is assigned is a constant, and Inductor takes none.
    lines, columns = (torch.arange(float(count), device=device) for count in (height, width))
    axes = torch.full((1,), float(kind), device=device), lines, columns
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(height * width, 3)


def grid_of(latents: torch.Tensor) -> tuple[int, int]:
    """Lines and columns of patches of 2x2 that latents (n, C, h, w) are."""
    height, width = latents.shape[-2:]
    return height // 2, width // 2


def placed(
    transformer: Any,
    hidden_states: torch.Tensor,
    grids: Sequence[tuple[int, int]],
    encoder_hidden_states: torch.Tensor,
    **inputs: Any,
) -> torch.Tensor:
    """The prediction of a transformer that takes places as Flux does, for tokens that are pictures
    of such grids, the first of which is drawn."""
    text = encoder_hidden_states
    where = [places(*grid, text.device, kind=int(number > 0)) for number, grid in enumerate(grids)]
    return predicted(
        transformer,
        hidden_states=hidden_states,
        encoder_hidden_states=text,
        txt_ids=text.new_zeros(text.shape[1], 3),
        img_ids=torch.cat(where).to(text.dtype),
        **inputs,
    )
