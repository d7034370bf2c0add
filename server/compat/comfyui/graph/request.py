"""From a checked graph to the one request that it means, and from our fields back to its nodes."""

from __future__ import annotations

from typing import Any

from jobs.request.fields.values import LIMITS, SEEDS
from jobs.request.model_card import ModelCard
from server.compat.comfyui.graph.edited import Edited, edited_by, guidance_of
from server.compat.comfyui.graph.graph import Graph, Node
from server.compat.comfyui.graph.meaning import SENT, Meaning
from server.compat.comfyui.graph.names import SAMPLERS, SCHEDULERS, Choices, bare
from server.compat.comfyui.graph.picture import (
    Load,
    Sampled,
    Source,
    Tracer,
    model_scale,
    scale_of,
)
from server.compat.comfyui.graph.pixels import colours, grown, mask_of
from server.compat.comfyui.graph.prompts import (
    OURS,
    Clip,
    Model,
    Text,
    clip_of,
    controls_of,
    model_of,
    text_of,
    vae_is_of,
)
from server.compat.comfyui.graph.references import read_references

MOST_BLUR = 64


def meaning_of(graph: Graph, choices: Choices, load: Load) -> Meaning:
    """What a graph asks for. Raises BadGraph naming the node that is not done here."""
    outputs = graph.outputs
    first = outputs[0].link("images")
    for other in outputs[1:]:
        if other.link("images") != first:
            said = "all outputs must show the same pictures here; others are a prompt of their own"
            raise other.wrong("images", said)
    tracer = Tracer(graph, load)
    made = tracer.picture(outputs[0], "images")
    if isinstance(made, Source):
        return _upscale(outputs, made, choices, load)
    return _Sampling(graph, choices, load, tracer, made).meaning(outputs)


def _upscale(outputs: list[Node], source: Source, choices: Choices, load: Load) -> Meaning:
    """A loaded picture that nothing samples."""
    if source.sized_by is None:
        raise outputs[0].wrong("images", "shows a picture that was only loaded: nothing is made")
    node = source.sized_by
    meaning = Meaning(outputs, node)
    upscaler = source.upscaler or "lanczos"
    meaning.put("kind", "upscale", node, "")
    meaning.put("image", SENT, source.node, "image")
    meaning.put("scale", scale_of(node, source.own_size, source.size), node, "")
    meaning.put("upscaler", upscaler, node, "")
    # Enlarged and no more: nothing is drawn into it.
    meaning.put("strength", 0.0, node, "")
    for card in choices.cards:
        has_it = upscaler == "lanczos" or upscaler in (each.name for each in card.upscalers)
        if has_it and "upscale" in card.kinds:
            meaning.put("model", card.name, node, "")
            break
    meaning.parts["/image"] = colours(load(source.node))
    _note_model_scale(meaning, upscaler)
    return meaning


def _note_model_scale(meaning: Meaning, upscaler: str) -> None:
    if upscaler not in ("lanczos", "latent"):
        times = model_scale(upscaler)
        meaning.notes.append(f"{upscaler} is taken for one that enlarges {times} times")


class _Sampling:
    """Reads what one or two samplers make."""

    def __init__(
        self, graph: Graph, choices: Choices, load: Load, tracer: Tracer, made: Sampled
    ) -> None:
        self._graph = graph
        self._choices = choices
        self._load = load
        self._tracer = tracer
        self._made = made

    def meaning(self, outputs: list[Node]) -> Meaning:
        """All of it. Raises BadGraph."""
        made, graph = self._made, self._graph
        meaning = Meaning(outputs, made.first, made.second)
        model = model_of(graph, made.first)
        for node in self._tracer.decoders:
            vae_is_of(graph, node, model.checkpoint)
        card = self._choices.card(model.checkpoint.inputs["ckpt_name"])
        meaning.put("model", card.name, model.checkpoint, "ckpt_name")
        _loras(meaning, model)
        self._texts(meaning, made.first, model)
        strength = _walk(meaning, made.first)
        if told := guidance_of(graph, made.first):
            # The scale of the walk is then classifier-free guidance beside it.
            meaning.put("true_cfg_scale", meaning.fields["guidance_scale"], made.first, "cfg")
            meaning.put("guidance_scale", float(told.inputs["guidance"]), told, "guidance")
        if edited := edited_by(graph, made.first, self._tracer):
            self._edit(meaning, edited, card, strength)
        else:
            self._start(meaning, strength)
        self._controls(meaning, made.first)
        read_references(meaning, graph, self._tracer, self._load, model.references, card)
        if made.enlarged is not None:
            self._second_pass(meaning, model)
        return meaning

    def _texts(self, meaning: Meaning, sampler: Node, model: Model) -> None:
        positive, negative = self._text(sampler, "positive"), self._text(sampler, "negative")
        if positive.zeroed:
            raise sampler.wrong("positive", "what is to be drawn must be said: it is zeroed out")
        meaning.put("prompt", positive.text, positive.node, positive.field)
        said = "" if negative.zeroed else negative.text
        meaning.put("negative_prompt", said, negative.node, negative.field)
        if negative.zeroed and sampler.inputs["cfg"] > 1:
            meaning.notes.append("an empty negative prompt stands in for one that is zeroed out")
        if "text_g" in positive.node.inputs:
            meaning.notes.append("the text encoder is told the picture's own size, no other")
        if any(OURS.search(each.text.replace("\\[", "")) for each in (positive, negative)):
            detail = "brackets, AND, BREAK, tags and choices in texts are read as everywhere here"
            meaning.notes.append(detail)
        clips = [clip_of(self._graph, each.clip) for each in (positive, negative)]
        for clip in clips:
            self._check_clip(clip, model, meaning)
        first, second = clips
        if first.skip != second.skip and not negative.zeroed:
            node = second.skipped_by or first.skipped_by or negative.node
            raise node.wrong("stop_at_clip_layer", "must be the same for both prompts here")
        if first.skipped_by is not None:
            meaning.put("clip_skip", first.skip, first.skipped_by, "stop_at_clip_layer")

    def _text(self, sampler: Node, name: str) -> Text:
        node, slot = self._graph.source(sampler, name)
        return text_of(self._graph, node, slot)

    def _check_clip(self, clip: Clip, model: Model, meaning: Meaning) -> None:
        if clip.checkpoint.inputs["ckpt_name"] != model.checkpoint.inputs["ckpt_name"]:
            detail = "the text encoder must be that of the checkpoint that samples"
            raise clip.checkpoint.wrong("ckpt_name", detail)
        on_model = {lora.node.id for lora in model.loras}
        for node in clip.loras:
            if node.id not in on_model:
                detail = "a LoRA acts on the text encoder and the model here, or on neither"
                raise node.wrong("clip", detail)
        on_clip = {node.id for node in clip.loras}
        for lora, said in zip(model.loras, meaning.fields["loras"], strict=True):
            strength = float(lora.node.inputs.get("strength_clip", 0))
            reading = strength if lora.node.id in on_clip else 0.0
            wanted = None if reading == lora.weight else reading
            if said.setdefault("text_encoder_weight", wanted) != wanted:
                meaning.notes.append(f"{lora.name} acts on both prompts as on the positive one")

    def _start(self, meaning: Meaning, strength: float) -> None:
        start, sampler = self._made.start, self._made.first
        meaning.first_steps = round(meaning.fields["steps"] * strength) * start.count
        counted = start.counted_by
        name = "amount" if counted else "batch_size"
        meaning.put("count", start.count, counted or start.node, name)
        if start.source is None:
            if strength < 1:
                raise sampler.wrong("denoise", "must be 1 where it starts from an empty latent")
            self._size(meaning, start.node, start.size)
            return
        source = start.source
        meaning.put("image", SENT, source.node, "image")
        meaning.parts["/image"] = colours(self._load(source.node))
        meaning.put("strength", strength, sampler, "denoise")
        if source.padded_by is not None:
            self._outpaint(meaning, source)
        elif start.masked_by is not None:
            self._inpaint(meaning, source, start.masked_by)
        elif source.upscaler is not None and source.sized_by is not None:
            node = source.sized_by
            meaning.put("kind", "upscale", sampler, "")
            meaning.put("scale", scale_of(node, source.own_size, source.size), node, "")
            meaning.put("upscaler", source.upscaler, node, "")
            _note_model_scale(meaning, source.upscaler)
        else:
            meaning.put("kind", "image-to-image", sampler, "")
            self._size(meaning, source.sized_by or source.node, source.size)
            meaning.put("resize", source.resize, source.sized_by or source.node, "crop")

    def _edit(
        self, meaning: Meaning, edited: list[Edited], card: ModelCard, strength: float
    ) -> None:
        """The pictures are beside what is drawn, and a walk begins with noise alone."""
        start, sampler = self._made.start, self._made.first
        if strength < 1:
            raise sampler.wrong("denoise", "must be 1 where a picture is edited by words")
        first, *others = edited
        meaning.put("kind", "edit", first.by, "")
        counted = start.counted_by
        meaning.put("count", start.count, counted or start.node, "amount" if counted else "")
        meaning.first_steps = meaning.fields["steps"] * start.count
        meaning.put("image", SENT, first.source.node, "image")
        meaning.parts["/image"] = colours(self._load(first.source.node))
        meaning.fields["references"] = [SENT] * len(others)
        for index, each in enumerate(others):
            meaning.places[f"/references/{index}"] = each.source.node, "image"
            meaning.parts[f"/references/{index}"] = colours(self._load(each.source.node))
        if start.source is None:
            self._size(meaning, start.node, start.size)
        elif start.source.sized_by is not None:
            self._size(meaning, start.source.sized_by, start.size)
        if card.image_guidance:
            # There both rows of a step are shown the picture, which is this scale.
            meaning.put("image_guidance_scale", 1.0, first.by, "")

    def _size(self, meaning: Meaning, node: Node, size: tuple[int, int]) -> None:
        for name, side in zip(("width", "height"), size, strict=True):
            meaning.put(name, side, node, name if name in node.inputs else "")

    def _inpaint(self, meaning: Meaning, source: Source, node: Node) -> None:
        of, _ = self._graph.source(node, "mask")
        if of.type.name not in ("LoadImage", "LoadImageOutput", "LoadImageMask"):
            raise node.wrong("mask", "must be that of a loaded picture")
        meaning.put("kind", "inpaint", node, "")
        self._size(meaning, source.sized_by or source.node, source.size)
        meaning.put("resize", source.resize, source.sized_by or source.node, "crop")
        mask = mask_of(self._load(of), of.inputs.get("channel", "alpha"))
        if mask is None:
            raise of.wrong("image", "nothing of its mask is white, so there is nothing to repaint")
        meaning.put("mask", SENT, of, "image")
        meaning.parts["/mask"] = grown(mask, node.inputs.get("grow_mask_by", 0))
        meaning.put("fill", self._made.start.fill, node, "")

    def _outpaint(self, meaning: Meaning, source: Source) -> None:
        node, masked = source.padded_by, self._made.start.masked_by
        if node is None or masked is None or self._graph.source(masked, "mask")[0].id != node.id:
            place = masked or self._made.start.node
            raise place.wrong("mask", "must be that of the padding, which is what is to be drawn")
        sides = {side: node.inputs[side] for side in ("left", "top", "right", "bottom")}
        meaning.put("kind", "outpaint", node, "")
        meaning.put("expand", sides, node, "")
        meaning.put("mask_blur", min(MOST_BLUR, node.inputs["feathering"]), node, "feathering")
        meaning.put("fill", "fill", node, "")

    def _controls(self, meaning: Meaning, sampler: Node) -> None:
        node, slot = self._graph.source(sampler, "positive")
        controls = list(controls_of(self._graph, node, slot))[::-1]
        node, slot = self._graph.source(sampler, "negative")
        for other in controls_of(self._graph, node, slot):
            if other not in controls:
                raise other.wrong("conditioning", "a ControlNet acts on the positive prompt here")
        meaning.fields["controls"] = [
            self._control(meaning, each, index) for index, each in enumerate(controls)
        ]

    def _control(self, meaning: Meaning, node: Node, index: int) -> dict[str, Any]:
        loader, _ = self._graph.source(node, "control_net")
        picture = self._tracer.picture(node, "image")
        if not isinstance(picture, Source) or picture.padded_by or picture.upscaler:
            raise node.wrong("image", "a ControlNet follows a loaded picture here")
        pointer = f"/controls/{index}"
        meaning.places |= {
            f"{pointer}/model": (loader, "control_net_name"),
            f"{pointer}/image": (picture.node, "image"),
            f"{pointer}/weight": (node, "strength"),
            f"{pointer}/start": (node, "start_percent"),
            f"{pointer}/end": (node, "end_percent"),
        }
        meaning.parts[f"{pointer}/image"] = colours(self._load(picture.node))
        return {
            "model": bare(loader.inputs["control_net_name"]),
            "image": SENT,
            "weight": node.inputs["strength"],
            "start": node.inputs.get("start_percent", 0.0),
            "end": node.inputs.get("end_percent", 1.0),
        }

    def _second_pass(self, meaning: Meaning, model: Model) -> None:
        made = self._made
        enlarged, second = made.enlarged, made.second
        if enlarged is None:
            return
        hires: dict[str, Any] = {
            "scale": scale_of(enlarged.node, made.start.size, enlarged.size),
            "upscaler": enlarged.upscaler,
            "strength": 0.0,
        }
        meaning.places |= {"/hires": (enlarged.node, ""), "/hires/scale": (enlarged.node, "")}
        if second is not None:
            self._same(second, model)
            walk = Meaning(meaning.outputs, second)
            hires["strength"] = _walk(walk, second)
            hires["steps"] = walk.fields["steps"]
            meaning.places["/hires/steps"] = second, "steps"
            meaning.notes.append("the second pass draws its noise by the seed of the first")
        meaning.fields["hires"] = hires
        _note_model_scale(meaning, enlarged.upscaler)

    def _same(self, second: Node, model: Model) -> None:
        """Refuse a second sampler that is another than the first in more than its steps."""
        first = self._made.first
        for name in ("cfg", "sampler_name", "scheduler"):
            if second.inputs[name] != first.inputs[name]:
                raise second.wrong(name, "must be as in the first sampler here")
        other = model_of(self._graph, second)
        if other != model:
            raise second.wrong("model", "must be that of the first sampler here")
        for name in ("positive", "negative"):
            one, another = self._text(first, name), self._text(second, name)
            if one != another:
                raise second.wrong(name, "must be that of the first sampler here")


def _loras(meaning: Meaning, model: Model) -> None:
    meaning.fields["loras"] = [{"name": each.name, "weight": each.weight} for each in model.loras]
    for index, lora in enumerate(model.loras):
        meaning.places[f"/loras/{index}"] = lora.node, "lora_name"
        meaning.places[f"/loras/{index}/weight"] = lora.node, "strength_model"
        meaning.places[f"/loras/{index}/text_encoder_weight"] = lora.node, "strength_clip"


def _walk(meaning: Meaning, sampler: Node) -> float:
    """Steps, scale, sampler and seed of a sampler; returns the strength. Raises BadGraph.

    ComfyUI makes as many steps as it is told, of a longer walk; here it is as many of those that
    are told as the strength says.
    """
    inputs = sampler.inputs
    steps, advanced = int(inputs["steps"]), sampler.type.name == "KSamplerAdvanced"
    strength = _advanced_strength(sampler) if advanced else float(inputs["denoise"])
    if not advanced and 0 < strength < 1:
        steps = min(LIMITS.max_steps, int(steps / strength))
        # The least number of which the strength leaves as many as were asked for.
        while int(steps * strength) < inputs["steps"] and steps < LIMITS.max_steps:
            steps += 1
    meaning.put("steps", steps, sampler, "steps")
    meaning.put("guidance_scale", float(inputs["cfg"]), sampler, "cfg")
    meaning.put("sampler", SAMPLERS[inputs["sampler_name"]], sampler, "sampler_name")
    meaning.put("schedule", SCHEDULERS[inputs["scheduler"]], sampler, "scheduler")
    seed = "noise_seed" if advanced else "seed"
    meaning.put("seed", inputs[seed] % SEEDS, sampler, seed)
    return strength


def _advanced_strength(sampler: Node) -> float:
    inputs = sampler.inputs
    steps, start, end = inputs["steps"], inputs["start_at_step"], inputs["end_at_step"]
    if inputs["add_noise"] != "enable":
        raise sampler.wrong("add_noise", "must be enable: a walk begins with its own noise here")
    if end < steps or inputs["return_with_leftover_noise"] == "enable":
        raise sampler.wrong("end_at_step", "a walk goes to its end here, without leftover noise")
    if start >= steps:
        raise sampler.wrong("start_at_step", f"must be below steps, {steps}; it is {start}")
    return (steps - start) / steps
