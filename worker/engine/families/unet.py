"""UNets: Stable Diffusion 1.x, 2.x and XL, its refiner, Kolors, and their distilled kin.

To add a condition: write a function that makes its pair of rows for one image (None where the
image or the model has none), and name it in CONDITIONS by the UNet's own argument. Everything
else follows: the batch key has its name and shape, `Batch.gather` stacks its rows, and
`UNetModel.forward` hands them over.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from worker.engine.backends.network import Network
from worker.engine.errors import ModelUnavailable
from worker.engine.families.model import LoadedModel, Scene, Text, noise_sampler
from worker.engine.ground.transfer import sent
from worker.engine.parts.autoencoder import Autoencoder
from worker.engine.parts.control import residuals
from worker.engine.parts.junction import Junction
from worker.engine.parts.layout import lay_out
from worker.engine.parts.lora import LoraSwitch
from worker.engine.parts.rows import COUNTED, Pair, Rows
from worker.engine.parts.t2i_adapter import intrablock
from worker.engine.parts.unet_blocks import unet_blocks
from worker.engine.parts.visits import Offload, Visits
from worker.engine.preview import LatentPreview, TinyPreview
from worker.engine.prompt.chatglm import ChatGLMEncoder
from worker.engine.prompt.prompt import PromptEncoder, PromptReader
from worker.engine.prompt.text.spelling import Spelling
from worker.engine.prompt.text_encoder import TextEncoder
from worker.engine.references.attention import referring
from worker.engine.references.reference_only import looking
from worker.engine.request import ImageRequest
from worker.engine.sampling.sampler import Sampler

# What SDXL's refiner was trained to be told of a good and of a bad picture (arXiv 2307.01952).
AESTHETIC_SCORE = 6.0
NEGATIVE_AESTHETIC_SCORE = 2.5

# Families that read the layer before the last, without its norm, and take a pooled vector.
PENULTIMATE = ("sdxl", "sdxl-refiner")

KOLORS = "kolors"
"""SDXL's UNet, for which ChatGLM reads (Kolors)."""

# Where diffusers' UNet2DConditionModel takes an input that is no argument of its own.
ADDED = ("text_embeds", "time_ids")
CHANNELS = "channels"


@dataclass(eq=False)
class UNetModel(LoadedModel):
    """The parts of one Stable Diffusion model, on their device and in their dtype.

    `unet` and `vae` are the diffusers objects, `text_encoders` one CLIP (SD 1.x, 2.x), two
    (SDXL) or ChatGLM (Kolors); `scheduler_config` is the model's own
    `scheduler/scheduler_config.json`. `tiny_vae` is an AutoencoderTiny for previews, with
    `tiny_decode` for the pictures as well. `offload` is which parts lie in main memory and visit
    `device` for their own stage.
    `zero_empty_negative` is SDXL's force_zeros_for_empty_prompt, `aesthetic_score` its refiner's
    requires_aesthetics_score. Raises ModelUnavailable for a UNet that wants other conditions.
    """

    name: str
    unet: Any
    vae: Any
    text_encoders: Sequence[TextEncoder]
    scheduler_config: Mapping[str, Any]
    device: torch.device
    dtype: torch.dtype
    family: str = "sd1"
    tiny_vae: Any | None = None
    tiny_decode: bool = False
    offload: Offload | None = None
    zero_empty_negative: bool = False
    aesthetic_score: bool = False
    autoencoder: Autoencoder = field(init=False, repr=False)
    reads: PromptReader = field(init=False, repr=False)
    """What reads its prompts."""
    loras: LoraSwitch = field(init=False, repr=False)
    _network: Network = field(init=False, repr=False)
    preview: LatentPreview | TinyPreview = field(init=False, repr=False)
    _visits: Visits = field(init=False, repr=False)

    def __post_init__(self) -> None:
        away = [each.away for each in self.text_encoders if each.away]
        self._visits = Visits(self.device, self.offload, self.unet, away)
        tiny = self.tiny_vae if self.tiny_decode else None
        self.autoencoder = Autoencoder(self.vae, self._visits, tiny)
        self._check_family()
        for part in self.modules():
            part.eval().requires_grad_(False)
        if self._visits.none:
            lay_out(self.unet, self.device)
        if self.family == KOLORS:
            self.reads = ChatGLMEncoder(
                self.text_encoders[0], zero_empty_negative=self.zero_empty_negative
            )
        else:
            self.reads = PromptEncoder(
                self.text_encoders,
                penultimate=self.family in PENULTIMATE,
                zero_empty_negative=self.zero_empty_negative,
            )
        self.loras = LoraSwitch(
            self.unet,
            [each.model for each in self.text_encoders],
            blocks=unet_blocks(self.unet),
        )
        self._network = Network(self.unet, self.name, make_plain=partial(self.loras.use, ()))
        for network in self.prompts.networks if self.prompts else ():
            network.make_plain = partial(self.loras.use, ())
        if self.tiny_vae is not None:
            self.preview = TinyPreview(self.tiny_vae)
            return
        with self._visits.of(self.vae):
            self.preview = LatentPreview.fit(
                self.autoencoder.decoded, self.latent_channels, self.device
            )

    @property
    def prompts(self) -> PromptEncoder | None:
        return self.reads if isinstance(self.reads, PromptEncoder) else None

    @property
    def window(self) -> int:
        """Prompt tokens that one pass of the text encoder takes."""
        return self.reads.window

    @property
    def inpaints(self) -> bool:
        """Whether the UNet takes the mask and the masked picture as channels of their own."""
        return self.unet.config.in_channels == 2 * self.latent_channels + 1

    @property
    def edits(self) -> int:
        """Whether the UNet takes a picture's latents as channels of their own (InstructPix2Pix)."""
        return int(self.unet.config.in_channels == 2 * self.latent_channels)

    @property
    def refers(self) -> bool:
        return True

    @property
    def loras_by_row(self) -> bool:
        return True

    @property
    def only_edits(self) -> bool:
        return bool(self.edits)

    @property
    def wraps(self) -> bool:
        return True

    @property
    def junctions(self) -> Sequence[Junction]:
        found: list[Junction] = []
        channels: int = self.unet.mid_block.resnets[-1].out_channels
        for stage, block in enumerate(self.unet.up_blocks):
            for layer in block.resnets:
                found.append(Junction(layer, channels, stage))
                channels = layer.out_channels
        return [each for each in found if each.stage < 2]

    @property
    def looking_about(self) -> Sequence[Any]:
        middle = self.unet.mid_block
        return [each for name, each in middle.named_modules() if name.endswith(".attn1")]

    @property
    def guided_rows(self) -> int:
        """A picture that is drawn over guides as well."""
        return 3 if self.edits else 2

    def modules(self) -> list[Any]:
        texts = [each.model for each in self.text_encoders]
        return [self.unet, self.vae, *texts, *([self.tiny_vae] if self.tiny_vae else [])]

    @property
    def denoiser(self) -> tuple[Any, ...]:
        return (self.unet,)

    @property
    def networks(self) -> tuple[Network, ...]:
        return (self._network,) if self._visits.none else ()

    @property
    def text_networks(self) -> Sequence[Network]:
        return self.prompts.networks if self.prompts and self._visits.none else ()

    def read(self, request: ImageRequest, *, variant: Hashable = ()) -> Text:
        return self.read_all([request], variant=variant)[0]

    def read_all(self, requests: Sequence[ImageRequest], *, variant: Hashable = ()) -> list[Text]:
        """All of them filled up to the windows of the longest."""
        windows = 1
        if len(requests) > 1:
            texts = {text for each in requests for text in (each.prompt, each.negative_prompt)}
            windows = max(self.reads.windows(text) for text in texts)
        with self._visits.of(*(each.model for each in self.text_encoders)):
            return [self._read(each, variant, windows) for each in requests]

    def _read(self, request: ImageRequest, variant: Hashable, windows: int) -> Text:
        read = self.reads.encode(
            request.prompt,
            request.negative_prompt if self.guided(request) else None,
            clip_skip=request.clip_skip,
            variant=variant,
            windows=windows,
        )
        inputs = {"encoder_hidden_states": Pair(read.prompt, read.negative)}
        if read.pooled is not None and self.unet.config.addition_embed_type == "text_time":
            inputs["text_embeds"] = Pair(read.pooled, read.negative_pooled)
        return Text(inputs, read.tokens, read.chunks)

    def spell(self, prompt: str) -> list[Spelling]:
        return self.reads.spell(prompt)

    def nearest(self, word: str) -> list[str]:
        return self.reads.nearest(word)

    def inputs(self, scene: Scene) -> dict[str, Pair]:
        made = {name: make(self, scene) for name, make in CONDITIONS.items()}
        found = {name: pair for name, pair in made.items() if pair is not None}
        return super().inputs(scene) | found

    @property
    def attentions(self) -> Mapping[str, Any]:
        return {
            name: module
            for name, module in self.unet.named_modules()
            if name.endswith(".attn2") and module.is_cross_attention
        }

    @property
    def _own_attentions(self) -> list[Any]:
        """Those in which places see each other."""
        return [each for name, each in self.unet.named_modules() if name.endswith(".attn1")]

    def shown(self, request: ImageRequest) -> tuple[torch.Tensor, ...]:
        """The picture that it draws over, in the autoencoder's own numbers: so it was trained."""
        if not self.edits or request.image is None:
            return super().shown(request)
        pixels = self.autoencoder.pixels(request.image)
        return (self.autoencoder.likeliest(pixels, normalized=False),)

    def forward(self, rows: Rows) -> torch.Tensor:
        """The UNet's prediction for every row, with what ControlNets and references add."""
        arguments = unet_arguments(rows.inputs)
        text, added = arguments["encoder_hidden_states"], arguments.get("added_cond_kwargs")
        steered = residuals(rows.latents, rows.timesteps, text, rows.controls, added)
        steered |= intrablock(rows.adapters)
        latents = rows.latents
        if CHANNELS in rows.inputs:
            latents = torch.cat([latents, rows.inputs[CHANNELS]], dim=1)
        with (
            referring(self.attentions, rows.references, *latents.shape[-2:]),
            looking(self._own_attentions if rows.looks else (), rows.looks),
        ):
            return self._network(latents, rows.timesteps, **arguments, **steered)

    def sampler(
        self, request: ImageRequest, width: int, height: int, steps: int, strength: float
    ) -> Sampler:
        return noise_sampler(request, self.scheduler_config, steps, strength)

    def guided(self, request: ImageRequest) -> bool:
        """A UNet that is told the guidance scale needs no second row (LCM)."""
        return super().guided(request) and self.unet.config.time_cond_proj_dim is None

    def _check_family(self) -> None:
        config = self.unet.config
        if len(self.text_encoders) != (expected := 2 if self.family == "sdxl" else 1):
            raise ModelUnavailable(
                f"model: {self.name} is taken for {self.family}, which has {expected} text"
                f" encoders, not {len(self.text_encoders)}."
            )
        latent = self.latent_channels
        if config.in_channels not in (latent, 2 * latent, 2 * latent + 1):
            raise ModelUnavailable(
                f"model: {self.name} takes {config.in_channels} input channels, neither the"
                f" {latent} of its latents nor {2 * latent} for editing nor {2 * latent + 1} for"
                " inpainting."
            )
        if config.addition_embed_type not in (None, "text_time") or config.class_embed_type:
            kind = config.addition_embed_type or config.class_embed_type
            raise ModelUnavailable(
                f"model: {self.name} has a UNet that wants more than a prompt, a size and a mask:"
                f" {kind}."
            )


def micro_conditioning(model: UNetModel, scene: Scene) -> Pair | None:
    """SDXL: the size and crop that the picture should look as if it had (arXiv 2307.01952)."""
    if model.unet.config.addition_embed_type != "text_time":
        return None
    size, corner = [scene.height, scene.width], [0, 0]
    if model.aesthetic_score:
        good, bad = ([*size, *corner, each] for each in (AESTHETIC_SCORE, NEGATIVE_AESTHETIC_SCORE))
        return Pair(_row(good, model.device), _row(bad, model.device))
    return Pair(_row([*size, *corner, *size], model.device))


def guidance_embedding(model: UNetModel, scene: Scene) -> Pair | None:
    """LCM: the guidance scale itself, as a sinusoidal embedding (arXiv 2310.04378, section 4.1)."""
    width: int | None = model.unet.config.time_cond_proj_dim
    if width is None:
        return None
    half = width // 2
    rates = torch.exp(torch.arange(half) * -(torch.log(torch.tensor(10000.0)) / (half - 1)))
    angles = (scene.guidance_scale - 1) * 1000.0 * rates
    row = torch.cat([angles.sin(), angles.cos()])
    return Pair(sent(functional.pad(row, (0, width % 2))[None], model.device))


def class_label(model: UNetModel, scene: Scene) -> Pair | None:
    """The picture's class (1,); the last of those that the UNet has stands for none."""
    classes: int | None = model.unet.config.num_class_embeds
    if classes is None:
        return None
    none = classes - 1
    label = none if scene.label is None else scene.label
    told, nothing = (torch.tensor([each], dtype=COUNTED) for each in (label, none))
    return Pair(sent(told, model.device), sent(nothing, model.device))


def more_channels(_: UNetModel, scene: Scene) -> Pair | None:
    """More channels of the latents: inpainting UNets' mask and masked picture; the picture that is
    edited, which is nothing for the row that is without it (arXiv 2211.09800)."""
    for picture in scene.shown:
        return Pair(picture, bare=torch.zeros_like(picture))
    if scene.mask is None or scene.masked is None:
        return None
    return Pair(torch.cat([scene.mask, scene.masked], dim=1))


CONDITIONS: Mapping[str, Callable[[UNetModel, Scene], Pair | None]] = {
    "time_ids": micro_conditioning,
    "timestep_cond": guidance_embedding,
    "class_labels": class_label,
    CHANNELS: more_channels,
}
"""What a UNet is told beside its text: one function for each condition."""


def unet_arguments(inputs: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Stacked inputs as UNet2DConditionModel and ControlNetModel take them, but for channels."""
    own = {name: rows for name, rows in inputs.items() if name not in (*ADDED, CHANNELS)}
    added = {name: inputs[name] for name in ADDED if name in inputs}
    return own | ({"added_cond_kwargs": added} if added else {})


def _row(numbers: list[float], device: torch.device) -> torch.Tensor:
    return sent(torch.tensor([numbers], dtype=torch.float32), device)
