"""A whole diffusers pipeline, and which of its own arguments a request means."""

import inspect
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import diffusers
import torch
from PIL import Image

from worker.engine.errors import InvalidRequest, ModelUnavailable
from worker.engine.request import ImageRequest, check_multiple
from worker.engine.whole.preview import WholePreview, latent_channels

OWN_SAMPLER = "default"
"""The only sampler that a pipeline which runs whole takes: its own."""

FACTOR = 64
"""Width and height are multiples of this where a pipeline does not say what it needs."""

ENDLESS = 1_000_000
"""A tokenizer without a limit says a larger number."""

LEAST = 1.001
"""Steps that a picture to start from is drawn over in at least, a little more for rounding."""

Arguments = dict[str, Any]


@dataclass(eq=False)
class WholeModel:
    """A whole diffusers pipeline, which makes one picture at a time.

    `pipeline` is what `AutoPipelineForText2Image` loads, or one that edits, in `dtype`. It is
    brought to `device`; with `offload` it stays in main memory, and each part visits `device` for
    its own work, or with "group" each layer. Fits the preview, which takes some tenths of a second:
    build it where the loading happens.
    Raises ModelUnavailable for a pipeline that makes something else of something else.
    """

    name: str
    pipeline: Any
    device: torch.device
    dtype: torch.dtype
    offload: str | None = None
    preview: WholePreview | None = field(init=False, repr=False)
    _variants: dict[str, Any] = field(init=False, repr=False, default_factory=dict[str, Any])
    _parameters: Mapping[str, inspect.Parameter] = field(init=False, repr=False)
    _turn: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._parameters = _parameters(self.pipeline)
        sized = self.accepts("width", "height") or self.edits
        if not (sized and self.accepts("prompt", "num_inference_steps", "output_type")):
            raise ModelUnavailable(
                f"model: {self.name} is a {self.family}, which does not make a picture of a given"
                " size from a prompt."
            )
        for module in self.modules():
            module.eval().requires_grad_(False)
        self.pipeline.set_progress_bar_config(disable=True)
        if self.offload:
            self.preview = WholePreview.fit(self.pipeline)
            if self.offload == "group":
                # Once, for every variant: they have the same parts.
                self.pipeline.enable_group_offload(
                    self.device,
                    offload_type="leaf_level",
                    use_stream=self.device.type == "cuda",
                )
            self.bring(self.pipeline)
        else:
            self.pipeline.to(self.device)
            self.preview = WholePreview.fit(self.pipeline)

    @property
    def family(self) -> str:
        """The name of the pipeline's class."""
        return type(self.pipeline).__name__

    @property
    def busy(self) -> bool:
        """Whether a run is under way: a second one would not start."""
        return self._turn.locked()

    @property
    def factor(self) -> int:
        """Width and height of a picture are multiples of it: a patch of latents, in pixels."""
        scale = getattr(self.pipeline, "vae_scale_factor", None)
        if not isinstance(scale, int):
            return FACTOR
        denoiser = getattr(self.pipeline, "transformer", None)
        patch = getattr(getattr(denoiser, "config", None), "patch_size", None)
        processor = getattr(self.pipeline, "image_processor", None)
        stated = getattr(getattr(processor, "config", None), "vae_scale_factor", None)
        return max(scale * (patch if isinstance(patch, int) else 1), stated or 1)

    @property
    def latent_channels(self) -> int | None:
        """Channels of the latents, where the autoencoder says so."""
        return latent_channels(getattr(self.pipeline, "vae", None))

    @property
    def window(self) -> int:
        """Prompt tokens that the pipeline reads; the rest it leaves out."""
        tokenizer = getattr(self.pipeline, "tokenizer", None)
        own = getattr(tokenizer, "model_max_length", None)
        known = [self._default("max_sequence_length"), own]
        return next((one for one in known if isinstance(one, int) and 0 < one < ENDLESS), 77)

    @property
    def guidance(self) -> str | None:
        """The argument that is the guidance scale of its pictures, or None where it has none.

        Where there are two (Flux, Qwen-Image), it is the one that acts unless told otherwise.
        """
        if self.accepts("guidance_scale") and self._default("guidance_scale") is not None:
            return "guidance_scale"
        names = ("true_cfg_scale", "guidance_scale", "prior_guidance_scale")
        return next((name for name in names if self.accepts(name)), None)

    @property
    def takes_negative_prompt(self) -> bool:
        """False also where it would do nothing: beside a distilled guidance scale (Flux)."""
        distilled = self.guidance == "guidance_scale" and self.accepts("true_cfg_scale")
        return self.accepts("negative_prompt") and not distilled

    def accepts(self, *arguments: str) -> bool:
        """Whether the pipeline's call takes all of `arguments`."""
        return all(argument in self._parameters for argument in arguments)

    @property
    def edits(self) -> bool:
        """Whether the pipeline's own call takes a picture to edit."""
        return self.accepts("prompt", "image") and not self.accepts("strength")

    def variant(self, request: ImageRequest) -> Any | None:
        """The pipeline that makes such a picture, of the same parts: its own, or that which
        diffusers' auto pipelines have for a picture or a mask to start from; None without one."""
        if request.references:
            return self.pipeline if self.edits else None
        if request.image is None:
            return self.pipeline
        name = "AutoPipelineForImage2Image" if request.mask is None else "AutoPipelineForInpainting"
        if name not in self._variants:
            # A pipeline that the library has nothing for is no line of its tables.
            with suppress(ValueError):
                self._variants[name] = getattr(cast(Any, diffusers), name).from_pipe(self.pipeline)
                self._variants[name].set_progress_bar_config(disable=True)
        found = self._variants.get(name)
        return found if found is not None and "strength" in _parameters(found) else None

    def modules(self) -> list[torch.nn.Module]:
        """The pipeline's parts that have weights."""
        parts: list[Any] = list(self.pipeline.components.values())
        return [part for part in parts if isinstance(part, torch.nn.Module)]

    @property
    def denoiser(self) -> tuple[torch.nn.Module, ...]:
        """Those that come layer by layer where any do: all."""
        return tuple(self.modules())

    def check(self, request: ImageRequest) -> None:
        """Raises InvalidRequest for what the pipeline would not do, or would do otherwise."""
        for side, pixels in (("width", request.width), ("height", request.height)):
            check_multiple(side, pixels, self.factor)
        if request.steps < 1:
            raise InvalidRequest(f"steps: at least 1 is needed, not {request.steps}.")
        if request.sampler != OWN_SAMPLER or request.schedule != "automatic":
            raise InvalidRequest(
                f"sampler, schedule: the model {self.name} has its own; leave them out."
            )
        if field := next((name for name, used in _beyond(request, self) if used), None):
            raise InvalidRequest(
                f"{field}: the model {self.name} runs as a whole {self.family}, which does not"
                " take it."
            )

    def arguments(self, request: ImageRequest) -> Arguments:
        """The own arguments of the pipeline for `request`; noise is drawn on the CPU from the
        seed."""
        wanted: Arguments = {
            "prompt": request.prompt,
            "width": request.width,
            "height": request.height,
            "num_inference_steps": request.steps,
            "generator": torch.Generator().manual_seed(request.seed),
            "output_type": "np",
        }
        if request.references:
            wanted |= self._edited(request)
        elif request.image is not None:
            wanted["image"] = Image.fromarray(request.image)
            # The library would take no step at all.
            wanted["strength"] = min(1.0, max(request.strength, LEAST / request.steps))
        if request.mask is not None:
            wanted["mask_image"] = Image.fromarray(request.mask)
        if self.guidance:
            wanted[self.guidance] = request.guidance_scale
        if request.guidance_rescale:
            wanted["guidance_rescale"] = request.guidance_rescale
        if request.guided and self.takes_negative_prompt:
            negative = request.negative_prompt
            # With this one guidance is off unless there is something to guide away from.
            if self.guidance == "true_cfg_scale":
                negative = negative or " "
            if negative:
                wanted["negative_prompt"] = negative
        known = _parameters(self.variant(request))
        return {name: value for name, value in wanted.items() if name in known}

    def _edited(self, request: ImageRequest) -> Arguments:
        """The pictures to edit: as they came, or for what draws over one that at the size asked
        for."""
        # Kontext brings the size to one of this area, which is its trained one by default.
        area = {"max_area": request.width * request.height}
        if self.accepts("image_guidance_scale") and request.image is not None:
            picture = Image.fromarray(request.image)
            return area | {
                "image": picture,
                "image_guidance_scale": request.image_guidance_scale,
            }
        pictures = [Image.fromarray(each) for each in request.references]
        return area | {"image": pictures if len(pictures) > 1 else pictures[0]}

    def callbacks(self, pipeline: Any, after_step: Callable[[Any, Any], None]) -> Arguments:
        """Arguments that have `after_step(pipeline, latents)` called after every step of a variant.

        None where it has no such argument.
        """
        known = _parameters(pipeline)

        def on_step_end(inner: Any, _step: int, _timestep: Any, tensors: Arguments) -> Arguments:
            after_step(inner, tensors.get("latents"))
            return tensors

        def callback(_step: int, _timestep: Any, latents: Any) -> None:
            after_step(pipeline, latents)

        names = [name for name in known if name.endswith("callback_on_step_end")]
        if names:
            return dict.fromkeys(names, on_step_end)
        if "callback" in known and "callback_steps" in known:
            return {"callback": callback, "callback_steps": 1}
        return {}

    def steps(self, request: ImageRequest) -> int:
        """Denoising steps of one picture, a prior's included, as far as is known before it."""
        prior = self._default("prior_num_inference_steps")
        return request.steps + (prior if isinstance(prior, int) else 0)

    def bring(self, pipeline: Any) -> None:
        """Has the parts visit the device for this variant, where they lie in main memory."""
        if self.offload in ("always", "model"):
            pipeline.enable_model_cpu_offload(device=self.device)

    def take(self) -> None:
        """Reserves the pipeline. Raises RuntimeError where a run is under way."""
        if not self._turn.acquire(blocking=False):
            raise RuntimeError(f"model: {self.name} makes one picture at a time, and is at one.")

    def give_back(self) -> None:
        """Ends the reservation."""
        self._turn.release()

    def _default(self, argument: str) -> Any:
        return self._parameters[argument].default if self.accepts(argument) else None


def _parameters(pipeline: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(pipeline.__call__).parameters


def _beyond(request: ImageRequest, model: WholeModel) -> list[tuple[str, bool]]:
    """The fields that only the engine's own families know, and whether `request` uses them."""
    rescale = bool(request.guidance_rescale) and not model.accepts("guidance_rescale")
    start = "references" if request.references else "image"
    return [
        ("mask" if request.mask is not None else start, model.variant(request) is None),
        ("fill", request.fill != "original"),
        ("mask_grey", request.differential),
        ("hires", request.enlarge is not None),
        ("loras", bool(request.loras)),
        ("controls", bool(request.controls)),
        ("regions", bool(request.regions)),
        ("reference_only", request.reference_only is not None),
        ("class_label", request.class_label is not None),
        ("tiling", request.tiling != "none"),
        ("freeu", request.freeu is not None),
        ("dynamic_thresholding", request.dynamic_thresholding is not None),
        ("pag_scale", request.pag_scale != 0),
        ("cfg_plus_plus", request.cfg_plus_plus),
        ("clip_skip", request.clip_skip != 1),
        ("variation_strength", request.variation_strength != 0),
        ("guidance_rescale", rescale),
    ]
