"""The words of a job's pictures: styles put in, templates picked, tags taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from pydantic import ValidationError

from jobs.prompts.styles import StyleFile, chosen, merged
from jobs.prompts.tags import LoraTag, split_tags
from jobs.prompts.templates import BadTemplate, expanded, is_template, wildcard_in
from jobs.prompts.wildcards import NoWildcard, Wildcards
from jobs.request.fields.parts import Lora, PictureWords
from jobs.request.fields.values import LIMITS, SEEDS
from jobs.request.model_card import ModelCard, name_from
from jobs.request.notes import Note
from jobs.request.pictures import InputPicture
from jobs.request.request import FieldError, GenerationRequest
from jobs.sentences import say
from jobs.settings import settings

KEPT = say(
    "wordings-kept",
    "are used as they were sent; picked now, by this seed and these files, they would be others",
)


@dataclass(frozen=True)
class Words:
    """Prompt, negative prompt and LoRAs of a job, and of each of its pictures where the prompts
    are a `template`; else of one that stands for all."""

    prompt: str
    negative_prompt: str
    loras: list[Lora]
    wordings: list[PictureWords]
    template: bool = False
    notes: list[Note] = field(default_factory=list[Note])
    errors: list[FieldError] = field(default_factory=list[FieldError])


def words_of(
    request: GenerationRequest, card: ModelCard, source: InputPicture | None, seed: int
) -> Words:
    """The words that a request means, and what is wrong with them. Raises BadStyles."""
    written, negative = request.prompt, request.negative_prompt
    if request.kind == "variations" and source and not written.strip():
        written, negative = source.prompt, negative or source.negative_prompt
    errors = _beside(request)
    if request.styles:
        known, missing = chosen(request.styles, StyleFile(settings().styles_file).all())
        errors += [
            FieldError(
                pointer="/styles",
                detail=say(
                    "unknown-style", "no style is named {name}; see /styles", name=repr(name[:60])
                ),
            )
            for name in missing
        ]
        most = LIMITS.max_prompt
        written = merged(written, (style.prompt for style in known), most)
        negative = merged(negative, (style.negative_prompt for style in known), most)
        errors += _too_long({"/prompt": written, "/negative_prompt": negative}, styled=True)
    texts = {"/prompt": written, "/negative_prompt": negative}
    # Words that were picked before need no lists.
    lists = bool(request.wordings) or _lists(texts)
    try:
        template = not request.as_written and any(
            is_template(each, lists=lists) for each in texts.values()
        )
    except BadTemplate as error:
        return _nothing([*errors, _fault(written, error)])
    if request.wordings:
        errors += _wordings_faults(request, template=template)
    if errors:
        return _nothing(errors)
    if request.wordings:
        notes = (
            [] if _picked_again(request, texts, seed) else [Note(pointer="/wordings", detail=KEPT)]
        )
        own = list(request.wordings)
        return Words(written, negative, request.loras, own, template=True, notes=notes)
    notes = [] if lists or request.as_written else _read_as_text(texts)
    if template and request.walk is not None:
        # All of its pictures have the same words, those of the first one's seed.
        if errors := _pick(texts, seed, 0):
            return _nothing(errors)
        written, negative, template = texts["/prompt"], texts["/negative_prompt"], False
    if not template:
        one = _worded(request, card, written, negative, errors)
        return Words(one.prompt, negative, one.loras, [one], notes=notes, errors=errors)
    wordings: list[PictureWords] = []
    for index in range(request.count):
        texts = {"/prompt": written, "/negative_prompt": negative}
        if errors := _pick(texts, (seed + index) % SEEDS, index):
            return _nothing(errors)
        own = texts["/prompt"], texts["/negative_prompt"]
        wordings.append(_worded(request, card, *own, errors))
        if errors:
            return _nothing(errors)
    return Words(written, negative, request.loras, wordings, template=True, notes=notes)


def other_prompts(request: GenerationRequest) -> dict[str, str]:
    """The prompts that a request has beside its own, by the pointers of their fields."""
    beside = {"/blend_prompt": request.blend_prompt}
    beside |= {"/walk/prompt": request.walk.prompt} if request.walk else {}
    beside |= {"/hires/prompt": request.hires.prompt} if request.hires else {}
    beside |= {f"/regions/{n}/prompt": each.prompt for n, each in enumerate(request.regions)}
    return {pointer: text for pointer, text in beside.items() if text}


def _lists(texts: dict[str, str]) -> bool:
    """Whether there are lists of words, as far as these texts may name one."""
    named = any("__" in text for text in texts.values())
    return not named or Wildcards(settings().wildcards_folder).any()


def _read_as_text(texts: dict[str, str]) -> list[Note]:
    """Notes of names that are text because there are no lists."""
    folder = settings().wildcards_folder.name
    return [
        Note(
            pointer=pointer,
            detail=say(
                "list-as-text",
                "`{name}` is read as text: there are no lists of words in {folder}/",
                name=name[:60],
                folder=folder,
            ),
        )
        for pointer, text in texts.items()
        if (name := wildcard_in(text))
    ]


def _wordings_faults(request: GenerationRequest, *, template: bool) -> list[FieldError]:
    """Why the words that a request has for its pictures cannot be theirs."""
    wrong: list[tuple[str, str]] = []
    given = len(request.wordings)
    if request.walk is not None:
        wrong.append(("/wordings", "are for pictures with other words; those of a walk have one"))
    elif not template:
        wrong.append(("/wordings", "are what choices and wildcards became; no prompt here has any"))
    elif given != request.count:
        wrong.append(("/wordings", f"must be as many as count, {request.count}; there are {given}"))
    if request.styles:
        wrong.append(("/styles", "would change words that /wordings has already; leave one out"))
    for index, words in enumerate(request.wordings):
        tagged = split_tags(words.prompt)
        if tagged.loras or tagged.faults:
            detail = "has a tag; there a LoRA is named in `loras`"
            wrong.append((f"/wordings/{index}/prompt", detail))
    return [FieldError(pointer=pointer, detail=detail) for pointer, detail in wrong]


def _picked_again(request: GenerationRequest, texts: dict[str, str], seed: int) -> bool:
    """Whether the words that a request has are those that its seed and the files give now."""
    for index, words in enumerate(request.wordings):
        own = dict(texts)
        if _pick(own, (seed + index) % SEEDS, index):
            return False
        if (split_tags(own["/prompt"]).prompt, own["/negative_prompt"]) != (
            words.prompt,
            words.negative_prompt,
        ):
            return False
    return True


def _beside(request: GenerationRequest) -> list[FieldError]:
    """What of the language of prompts those others may not have."""
    errors: list[FieldError] = []
    others = other_prompts(request)
    if request.hires and request.hires.negative_prompt:
        others["/hires/negative_prompt"] = request.hires.negative_prompt
    for pointer, text in others.items():
        tagged = split_tags(text)
        if tagged.loras:
            detail = say(
                "lora-tag-elsewhere",
                "has a LoRA's tag; a LoRA acts on the whole picture: name it in /loras",
            )
            errors.append(FieldError(pointer=pointer, detail=detail))
        errors += [FieldError(pointer=pointer, detail=fault) for fault in tagged.faults]
        try:
            lists = _lists({pointer: text})
            template = not request.as_written and is_template(text, lists=lists)
        except BadTemplate as error:
            errors.append(FieldError(pointer=pointer, detail=str(error)))
            continue
        if template:
            detail = say(
                "choice-elsewhere", "has a choice or a wildcard, which are picked in /prompt alone"
            )
            errors.append(FieldError(pointer=pointer, detail=detail))
    return errors


def _pick(texts: dict[str, str], seed: int, index: int) -> list[FieldError]:
    """Picks what the templates of picture `index` become, or says what is wrong with them."""
    wildcards = Wildcards(settings().wildcards_folder)
    for pointer, text in texts.items():
        try:
            texts[pointer] = expanded(text, f"{seed}{pointer}", wildcards)
        except (BadTemplate, NoWildcard) as error:
            return [FieldError(pointer=pointer, detail=str(error))]
    return _too_long(texts, picture=index + 1)


def _nothing(errors: list[FieldError]) -> Words:
    return Words("", "", [], [], errors=errors)


def _fault(written: str, error: BadTemplate) -> FieldError:
    try:
        is_template(written)
    except BadTemplate:
        return FieldError(pointer="/prompt", detail=str(error))
    return FieldError(pointer="/negative_prompt", detail=str(error))


def _too_long(texts: dict[str, str], *, styled: bool = False, picture: int = 0) -> list[FieldError]:
    most = LIMITS.max_prompt
    code = "too-long-styled" if styled else "too-long-picked"
    how = "with its styles" if styled else "as picture {picture} has it"
    template = f"must be at most {{most}} characters; {how} it has {{has}}"
    return [
        FieldError(
            pointer=pointer,
            detail=say(code, template, most=most, has=len(text), picture=picture),
        )
        for pointer, text in texts.items()
        if len(text) > most
    ]


def _worded(
    request: GenerationRequest,
    card: ModelCard,
    written: str,
    negative: str,
    errors: list[FieldError],
) -> PictureWords:
    """A picture's words, without the tags that name LoRAs."""
    tagged = split_tags(written)
    errors += [FieldError(pointer="/prompt", detail=fault) for fault in tagged.faults]
    loras = [*request.loras]
    try:
        loras += _named(tagged.loras, card)
    except ValidationError:
        detail = say(
            "bad-lora-tag",
            "a LoRA in it must have a name of at most 200 characters and weights from -4 to 4",
        )
        errors.append(FieldError(pointer="/prompt", detail=detail))
    # Too many of them are a fault that is told of with its limit.
    return PictureWords.model_construct(prompt=tagged.prompt, negative_prompt=negative, loras=loras)


def _named(tags: Sequence[LoraTag], card: ModelCard) -> list[Lora]:
    """The LoRAs that a prompt asks for: those of other programs name the file, of which a name
    here is made."""
    names = {each.name for each in card.loras}

    def ours(name: str) -> str:
        plain = name_from(name)
        return plain if name not in names and plain in names else name

    return [Lora.model_validate(asdict(each) | {"name": ours(each.name)}) for each in tags]
