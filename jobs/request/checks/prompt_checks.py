"""What of a prompt's own language cannot be done beside what else a request asks for."""

from __future__ import annotations

from grammar.edits import Count
from grammar.script import MAX_WORDINGS, Script
from jobs.prompts.joined import fault, joins, unreadable
from jobs.request.fields.parts import PictureWords
from jobs.request.fields.regions import JOINED_BESIDE
from jobs.request.fields.trace import wish
from jobs.request.model_card import ModelCard
from jobs.request.request import FieldError, GenerationRequest
from jobs.request.samplers import SAMPLERS, parts_of
from jobs.sentences import say


def prompt_errors(
    request: GenerationRequest, card: ModelCard, words: PictureWords
) -> list[FieldError]:
    """What of a prompt's own language cannot be done, or not beside what else is asked for."""
    if not card.batched:
        return []
    asked, usual = request.guidance_scale, card.guidance_scale
    scale = request.true_cfg_scale if card.distilled_guidance else usual if asked is None else asked
    # CFG++ takes a second row at any scale.
    guided = scale > 1 or (request.cfg_plus_plus and card.unet)
    second = _of_second_pass(request)
    unguided = "is of guidance, and there is none; a guidance scale above 1 gives the picture some"
    bounded = request.dynamic_thresholding is not None
    wrong = [
        ("/dynamic_thresholding", unguided if bounded and not guided else None),
        ("/prompt", fault(words.prompt, guided=guided)),
        # In a negative prompt AND is a word.
        ("/negative_prompt", unreadable(words.negative_prompt)),
        *((pointer, fault(text, guided=True)) for pointer, text in _blended(request).items()),
        ("/hires/prompt", fault(second.get("prompt", ""), guided=guided)),
        ("/hires/negative_prompt", unreadable(second.get("negative_prompt", ""))),
        *(
            (f"/regions/{index}/prompt", unreadable(region.prompt))
            for index, region in enumerate(request.regions)
        ),
    ]
    if any(detail for _, detail in wrong):
        return [FieldError(pointer=pointer, detail=detail) for pointer, detail in wrong if detail]
    placed = [each.prompt for each in request.regions]
    written = {"prompt": words.prompt, "negative_prompt": words.negative_prompt}
    scripts = [
        Script(each["prompt"], each["negative_prompt"], placed)
        for each in (written, written | second)
    ]
    several = any(script.several for script in scripts)
    if placed and joins(second.get("prompt", "")):
        wrong.append(("/hires/prompt", JOINED_BESIDE))
    if most := max((_texts(request, card, script) for script in scripts), default=0):
        detail = (
            f"becomes {most} different texts from step to step; at most {MAX_WORDINGS} are read"
        )
        wrong.append(("/prompt", detail if most > MAX_WORDINGS else None))
    for pointer, text in _blended(request).items():
        if several or Script(text, "").several:
            detail = say(
                "not-blended",
                "goes between prompts that stay as they are; those whose words change from step to"
                " step, that AND joins or that have regions, are not blended",
            )
            wrong.append((pointer, detail))
    alone = {"pag_scale": request.pag_scale, "reference_only": request.reference_only}
    if any(script.joined or script.placed for script in scripts):
        detail = say("one-prompt", "takes one prompt, and there are several")
        wrong += [(f"/{name}", detail) for name, asked in alone.items() if asked]
    trace = wish(request.trace)
    hires = request.hires
    if trace and trace.attention != "none" and (several or (hires and hires.prompt)):
        detail = (
            "cannot say where words are looked at in a picture whose words change from step to"
            " step, or that has several prompts; with `attention` `none` the rest is kept"
        )
        wrong.append(("/trace", detail))
    return [FieldError(pointer=pointer, detail=detail) for pointer, detail in wrong if detail]


def _texts(request: GenerationRequest, card: ModelCard, script: Script) -> int:
    """Different texts that a prompt becomes in the steps that are sure to be walked; 0 for one that
    stays as it is."""
    if not script.changes:
        return 0
    walk = request.walk
    steps = max((walk and walk.steps) or [request.steps or card.steps])
    names = (walk and walk.samplers) or [request.sampler or card.sampler]
    known = [SAMPLERS[name] for name in (parts_of(each)[0] for each in names) if name in SAMPLERS]
    orders = [1 + each.second_order for each in known] or [1]
    # Of a picture that is drawn over there are at least so many; the worker counts them.
    whole = request.kind in ("text-to-image", "edit", "walk")
    walked = steps if whole else int(steps * (request.strength or 0))
    return max(len(script.texts(walked * each, Count(steps * each))) for each in orders)


def _of_second_pass(request: GenerationRequest) -> dict[str, str]:
    hires = request.hires
    both = {"prompt": hires.prompt, "negative_prompt": hires.negative_prompt} if hires else {}
    return {field: text for field, text in both.items() if text}


def _blended(request: GenerationRequest) -> dict[str, str]:
    """The prompts that the request's own is blended with, by the pointers of their fields."""
    blended: dict[str, str] = {}
    if request.blend_prompt is not None and request.blend > 0:
        blended["/blend_prompt"] = request.blend_prompt
    if request.walk and request.walk.over == "prompts" and request.walk.prompt is not None:
        blended["/walk/prompt"] = request.walk.prompt
    return blended
