"""From a request to the first step: prompts read, picture encoded, noise drawn, inputs made."""

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from grammar.edits import Count
from grammar.errors import BadPrompt
from grammar.script import Script, Wording
from worker.engine.added import AdapterInput, ControlInput, ReferenceInput
from worker.engine.enlarging import enlarged_picture
from worker.engine.errors import InvalidRequest
from worker.engine.families.model import LoadedModel, Scene, Text
from worker.engine.ground.slerp import slerp
from worker.engine.ground.transfer import sent
from worker.engine.guidance.shown import own_reference, show_reference
from worker.engine.guidance.turns import perturb, turns_of
from worker.engine.parts.autoencoder import hide_masked, latent_levels, latent_mask
from worker.engine.parts.condition import Condition
from worker.engine.parts.control import control_tensor
from worker.engine.parts.rows import Pair
from worker.engine.parts.t2i_adapter import LoadedT2IAdapter
from worker.engine.request import Control, Enlarge, ImageRequest, IPAdapter, Mask, Picture
from worker.engine.sampling.answers import Repaint
from worker.engine.task import Stage, Task, ready
from worker.engine.trace.recording import Memory, Recording


def encode(task: Task, memory: Memory | None = None) -> None:
    """Reads the prompts and begins the first pass, or the second where there is no first.

    What is kept of its steps, where that is asked for, comes out of `memory`."""
    request, model = task.request, ready(task.model)
    _read_words(task, model)
    task.generator.manual_seed(request.seed)
    if request.trace is not None:
        # Of pictures that are spoken of the words are read within another text, and vectors between
        # two prompts are no words.
        mixed = request.references or _blends(request) or ready(task.script).several
        spellings = [] if mixed else model.spell(request.prompt)
        again = asked_again(request)
        task.recording = Recording(request.trace, spellings, again, memory or Memory())
    if request.tiling != "none" and not model.wraps:
        raise InvalidRequest(f"tiling: the model {model.name} has no convolutions that could wrap.")
    for field, asked, able in (
        ("freeu", request.freeu is not None, model.junctions),
        ("pag_scale", request.pag_scale > 0, model.looking_about),
    ):
        if asked and not able:
            raise InvalidRequest(f"{field}: the model {model.name} has no U-Net.")
    if request.cfg_plus_plus and not (model.junctions and model.guided(request)):
        raise InvalidRequest(
            f"cfg_plus_plus: the model {model.name} is not guided by a second row."
        )
    if request.dynamic_thresholding and not model.guided(request):
        raise InvalidRequest(
            f"dynamic_thresholding: this picture of the model {model.name} has no guidance."
        )
    _refer(task, model)
    if request.references:
        _edit(task, model)
        return
    if request.image is not None and request.enlarge is None and not request.strength:
        # The picture itself, which the autoencoder would not give back.
        _check_size(request.image, request.width, request.height)
        task.finish(request.image)
        return
    second = request.enlarge
    if request.image is not None and second and not second.last and request.mask is None:
        task.stage = Stage.ENLARGE
        return
    _first_pass(task, model)


def _read_words(task: Task, model: LoadedModel) -> None:
    """Reads the request's prompts, with the LoRAs that act on how they are read."""
    request = task.request
    added = [(task.add_ons.loras[lora.name], lora.reading) for lora in request.loras]
    for weights, _ in added:
        model.loras.hold(weights)
    for lora in request.loras:
        model.loras.check_blocks(lora)
    model.loras.use(request.loras)
    variant = tuple((weights.serial, weight) for weights, weight in added)
    script = _script(
        request.prompt, request.negative_prompt, [region.prompt for region in request.regions]
    )
    task.script, task.variant = script, variant
    _check_script(task, model)
    task.text = _read(model, _worded(request, script.at(0, Count(request.steps))), variant)


def asked_again(request: ImageRequest) -> dict[str, str | float]:
    """What a network's answer hangs on beside latents and timestep, by the names of a request."""
    return {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "guidance_scale": request.guidance_scale,
        "true_cfg_scale": request.true_cfg_scale,
        "clip_skip": request.clip_skip,
    }


def _script(prompt: str, negative: str, placed: Sequence[str] = ()) -> Script:
    try:
        return Script(prompt, negative, placed)
    except BadPrompt as error:
        raise InvalidRequest(f"prompt: {error}.") from error


def _blends(request: ImageRequest) -> bool:
    return request.blend_prompt is not None and request.blend > 0


def _read(model: LoadedModel, request: ImageRequest, variant: Hashable) -> Text:
    text = model.read(request, variant=variant)
    if request.blend_prompt is None or not _blends(request):
        return text
    other = replace(request, prompt=request.blend_prompt)
    return text.towards(model.read(other, variant=variant), request.blend)


def enlarge(task: Task) -> None:
    """Brings what there is to the larger size, and begins the second pass from there.

    To be called again where it has begun something beside the steps, once that is done.
    """
    request, model = task.request, ready(task.model)
    wanted = ready(request.enlarge)
    original = picture = None
    if wanted.upscaler == "latent":
        original = _enlarged_latents(task, model, wanted)
    elif (picture := enlarged_picture(task, wanted)) is None:
        return
    task.enlarged = True
    if task.sampler is not None:
        task.steps_before += len(task.sampler)
    if picture is not None:
        if not wanted.strength:
            task.finish(picture)
            return
        original = _encoded(task, model, picture)
    if wanted.prompt is not None or wanted.negative_prompt is not None:
        own = {"prompt": wanted.prompt, "negative_prompt": wanted.negative_prompt}
        said = {name: text for name, text in own.items() if text is not None}
        task.request = replace(request, **said)
        _read_words(task, model)
    size = wanted.width, wanted.height
    _look(task, model, *size)
    noise = _noise(task, model, *size)
    task.begin(*size, wanted.steps, wanted.strength, noise=noise, original=original)
    _condition(task, model, *size)


def _first_pass(task: Task, model: LoadedModel) -> None:
    # The draws come in the order in which diffusers' pipelines make them, so that one seed gives
    # the picture that it gives there.
    request = task.request
    size = request.width, request.height
    if model.only_edits:
        raise InvalidRequest(f"kind: the model {model.name} edits pictures, and nothing else.")
    _look(task, model, *size)
    if request.image is None:
        if model.inpaints:
            raise InvalidRequest(f"kind: the model {model.name} needs a picture and a mask.")
        noise = _noise(task, model, *size)
        task.begin(*size, request.steps, noise=noise)
        _condition(task, model, *size)
        return
    _check_size(request.image, *size)
    if request.mask is None:
        if model.inpaints:
            raise InvalidRequest(f"kind: the model {model.name} needs a mask.")
        original = _encoded(task, model, request.image)
        noise = _noise(task, model, *size)
        task.begin(*size, request.steps, request.strength, noise=noise, original=original)
        _condition(task, model, *size)
        return
    _inpaint(task, model)


def _edit(task: Task, model: LoadedModel) -> None:
    """From noise alone, with the pictures beside it: the prompt says what becomes of them."""
    request = task.request
    if len(request.references) > model.edits > 0:
        most = f"{model.edits} of them" if model.edits > 1 else "one picture"
        raise InvalidRequest(f"references: the model {model.name} edits at most {most}.")
    size = request.width, request.height
    _look(task, model, *size)
    shown = model.shown(request)
    noise = _noise(task, model, *size)
    task.begin(*size, request.steps, noise=noise)
    _condition(task, model, *size, shown=shown)


def _inpaint(task: Task, model: LoadedModel) -> None:
    request, picture_mask = task.request, ready(task.request.mask)
    autoencoder = model.autoencoder
    pixels = autoencoder.pixels(ready(request.image))
    size = request.width, request.height
    painted = picture_mask
    if request.differential:
        mask = latent_levels(picture_mask, autoencoder.scale, model.device)
        painted = np.where(picture_mask > 0, 255, 0).astype(np.uint8)
    else:
        mask = latent_mask(picture_mask, autoencoder.scale, model.device)
    from_noise = request.strength >= 1 and request.fill == "original"
    original = None
    unseen = model.inpaints and from_noise and not model.draws_unseen
    if request.differential or not unseen:
        original = autoencoder.encode(pixels, task.generator)
    noise = _noise(task, model, *size)
    start = _with_fill(task, original, noise, mask)
    task.begin(
        *size, request.steps, request.strength, noise=noise, original=None if from_noise else start
    )
    if request.differential or not model.inpaints:
        task.repaint = Repaint(ready(original), noise, mask, request.differential)
    if model.inpaints:
        masked = autoencoder.encode(hide_masked(pixels, painted), task.generator)
        area = sent(torch.from_numpy(painted >= 128)[None, None].to(mask.dtype), model.device)
        mask = (mask > 0).to(mask.dtype)
        _condition(task, model, *size, mask=mask, masked=masked, painted=area)
        return
    _condition(task, model, *size)


def _with_fill(
    task: Task, original: torch.Tensor | None, noise: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor | None:
    """The latents with what the fill puts under the mask."""
    if original is None or task.request.fill == "original":
        return original
    under = noise if task.request.fill == "noise" else torch.zeros_like(noise)
    return original * (1 - mask) + under * mask


def _condition(
    task: Task,
    model: LoadedModel,
    width: int,
    height: int,
    *,
    mask: torch.Tensor | None = None,
    masked: torch.Tensor | None = None,
    painted: torch.Tensor | None = None,
    shown: tuple[torch.Tensor, ...] = (),
) -> None:
    """Makes the inputs that the network takes at this size."""
    scale, steered = task.request.guidance_scale, bool(task.controls)

    def inputs(text: Text) -> dict[str, Pair]:
        label = task.request.class_label
        return model.inputs(
            Scene(text, width, height, scale, mask, masked, painted, shown, steered, label)
        )

    task.turns = ()
    script = ready(task.script)
    if script.several:
        task.turns = turns_of(task, model, script, inputs, (width, height))
        task.conditions = task.turns[0]
    else:
        task.conditions = (Condition(inputs(ready(task.text))),)
    perturb(task)
    show_reference(task)
    task.fix_key(width, height)


def _check_script(task: Task, model: LoadedModel) -> None:
    request, script = task.request, ready(task.script)
    if script.joined and not model.guided(request):
        raise InvalidRequest(
            "prompt: AND joins prompts by their guidance, and this picture has none; a guidance"
            " scale above 1 gives it some, where the model takes one."
        )
    if _blends(request):
        other = _script(request.blend_prompt or "", "")
        if script.several or other.several:
            raise InvalidRequest(
                "blend_prompt: it is blended with one prompt that stays as it is; prompts that"
                " change from step to step, are joined by AND or have a place are not."
            )
    alone = {"pag_scale": request.pag_scale, "reference_only": request.reference_only}
    if (script.joined or script.placed) and any(alone.values()):
        field = next(name for name, asked in alone.items() if asked)
        raise InvalidRequest(f"{field}: it takes one prompt, and there are several.")
    if script.joined and script.placed:
        raise InvalidRequest("regions: prompts that AND joins have no places.")
    trace = request.trace
    if trace is not None and trace.attention != "none" and script.several:
        raise InvalidRequest(
            "trace: where words are looked at is told of one prompt that stays as it is; with"
            " `attention` none the rest is."
        )


def _worded(request: ImageRequest, wording: Wording) -> ImageRequest:
    parts, negative = wording
    return replace(request, prompt=parts[0].text, negative_prompt=negative)


def _look(task: Task, model: LoadedModel, width: int, height: int) -> None:
    """Shows what steers the picture its own, before anything else is drawn, as diffusers does."""
    found = [_control(each, task, model, width, height) for each in task.request.controls]
    task.controls = tuple(each for each in found if isinstance(each, ControlInput))
    task.adapters = tuple(each for each in found if isinstance(each, AdapterInput))
    task.reference = own_reference(task.request, model, width, height)


def _control(
    control: Control, task: Task, model: LoadedModel, width: int, height: int
) -> ControlInput | AdapterInput:
    net = task.add_ons.controls[control.name]
    if not model.refers and (control.mask is not None or control.control_mode != "balanced"):
        raise InvalidRequest(
            f"controls: for the model {model.name} a ControlNet acts on all of a picture, balanced."
        )
    picture = control_tensor(control.image)
    if picture.shape[-2:] != (height, width):
        picture = functional.interpolate(
            picture, size=(height, width), mode="bilinear", antialias=True
        )
    shown, area = sent(picture, model.device), _area(control.mask, model)
    if isinstance(net, LoadedT2IAdapter):
        return AdapterInput(control, net, net.features(shown), area)
    return ControlInput(control, net, model.steering(net, shown, task.generator), area)


def _area(mask: Mask | None, model: LoadedModel) -> torch.Tensor | None:
    """A mask as (1, 1, height, width) on the device, 0 to 1."""
    if mask is None:
        return None
    return sent(torch.from_numpy(mask)[None, None].float() / 255, model.device)


def _refer(task: Task, model: LoadedModel) -> None:
    """Reads the pictures that the image is to be like."""
    task.references = tuple(_reference(each, task, model) for each in task.request.ip_adapters)


def _reference(wanted: IPAdapter, task: Task, model: LoadedModel) -> ReferenceInput:
    if not model.refers:
        raise InvalidRequest(f"ip_adapters: the model {model.name} takes none.")
    adapter = task.add_ons.ip_adapters[wanted.name]
    shown, nothing = adapter.tokens(wanted.images)
    return ReferenceInput(wanted, adapter, Pair(shown, negative=nothing), _area(wanted.mask, model))


def _noise(task: Task, model: LoadedModel, width: int, height: int) -> torch.Tensor:
    """The image's own noise (1, C, h, w), drawn on the CPU in fp32: the same on every device, in
    every dtype and in every batch; turned towards the variation's if there is one."""
    request = task.request
    noise = model.noise(width, height, task.generator)
    if request.variation_seed is not None and request.variation_strength:
        other = torch.Generator().manual_seed(request.variation_seed)
        another = model.noise(width, height, other)
        noise = slerp(noise, another, request.variation_strength)
    return sent(noise, model.device)


def _encoded(task: Task, model: LoadedModel, picture: Picture) -> torch.Tensor:
    """The latents of a picture, with the noise of their posterior drawn by the image's seed."""
    return model.autoencoder.encode(model.autoencoder.pixels(picture), task.generator)


def _enlarged_latents(task: Task, model: LoadedModel, wanted: Enlarge) -> torch.Tensor:
    latents = task.latents
    if latents is None:
        latents = _encoded(task, model, ready(task.request.image))
    size = model.latent_size(wanted.width, wanted.height)
    return functional.interpolate(latents, size=size, mode="bilinear")


def _check_size(picture: Picture, width: int, height: int) -> None:
    if picture.shape[:2] != (height, width):
        had = f"{picture.shape[1]}x{picture.shape[0]}"
        raise InvalidRequest(f"image: it is {had}, and the request says {width}x{height}.")
