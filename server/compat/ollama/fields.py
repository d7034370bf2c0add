"""The fields of a request to generate, and the job that they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from jobs.request.model_card import ModelCard
from jobs.request.notes import Note
from jobs.request.request import GenerationRequest, InvalidRequest
from server.compat.editing import change_of
from server.compat.unread import unknown
from server.requests.validation import field_errors

SEEDS = 2**32

LARGEST = 4096
"""Pixels of a side: Ollama's limit, beside the operator's."""


def _unless_zero(value: object) -> object:
    """Nought is as good as left out: clients in Go send it so."""
    return None if value == 0 else value


Size = Annotated[Annotated[int, Field(ge=1, le=LARGEST)] | None, BeforeValidator(_unless_zero)]
Steps = Annotated[int | None, BeforeValidator(_unless_zero)]


FOR_WORDS = {
    *("model", "system", "template", "format", "suffix", "context", "raw", "think", "truncate"),
    *("shift", "logprobs", "top_logprobs"),
}
"""Fields of Ollama's that say how models of words write."""

OPTIONS_FOR_WORDS = {
    *("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep", "num_predict"),
    *("use_mmap", "use_mlock", "low_vram", "vocab_only", "numa", "f16_kv", "logits_all"),
    *("top_k", "top_p", "min_p", "tfs_z", "typical_p", "repeat_last_n", "temperature", "stop"),
    *("repeat_penalty", "presence_penalty", "frequency_penalty", "penalize_newline"),
    *("mirostat", "mirostat_tau", "mirostat_eta"),
}
"""The same of its options."""


class _Sent(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="allow", allow_inf_nan=False, hide_input_in_errors=True
    )


class Options(_Sent):
    """`seed` is Ollama's, the others are ours; what else it has here is for words."""

    seed: int | None = None
    negative_prompt: str | None = None
    guidance_scale: float | None = None
    sampler: str | None = None
    schedule: str | None = None
    strength: float | None = None


class GenerateFields(_Sent):
    """What a client may send; what is not here (`system`, `format`, `think`...) changes nothing."""

    prompt: str | None = None
    images: list[str] | None = None
    stream: bool | None = None
    width: Size = None
    height: Size = None
    steps: Steps = None
    keep_alive: float | str | None = None
    options: Options | None = None

    @property
    def streams(self) -> bool:
        """Whether the client is told of each step; it is unless it says otherwise."""
        return self.stream is not False

    @property
    def unloads(self) -> bool:
        """Whether it has no more use for the model."""
        return str(self.keep_alive).rstrip("smh") in ("0", "0.0")

    def generation(
        self, card: ModelCard, cards: Sequence[ModelCard]
    ) -> tuple[GenerationRequest, Sequence[Note]]:
        """The job, and what of the fields is done otherwise. Raises InvalidRequest."""
        options = self.options or Options()
        sent = self.images or []
        images = [each if each.startswith("data:") else f"data:;base64,{each}" for each in sent]
        asked: dict[str, Any] = {
            "kind": "text-to-image",
            "model": card.name,
            "prompt": self.prompt,
            "width": self.width,
            "height": self.height,
            "steps": self.steps,
            **options.model_dump(include=set(Options.model_fields)),
            # Ollama's seeds have 64 bits; nought is any there, and below it with other servers.
            "seed": options.seed % SEEDS if options.seed and options.seed > 0 else None,
        }
        notes = unknown(self.model_extra, FOR_WORDS)
        notes += unknown(options.model_extra, OPTIONS_FOR_WORDS, "options/")
        if images:
            change = change_of(
                len(images),
                card,
                cards,
                prompt=self.prompt or "",
                field="images",
                strength=options.strength,
            )
            asked |= {"kind": change.kind, "strength": change.strength, "image": images[0]}
            asked["references"] = images[1 : change.pictures]
            notes += change.notes
        try:
            job = GenerationRequest.model_validate(
                {name: value for name, value in asked.items() if value is not None}
            )
        except ValidationError as error:
            raise InvalidRequest(field_errors(error)) from error
        return job, notes


def read(sent: dict[str, Any]) -> GenerateFields:
    """The fields that were sent. Raises InvalidRequest naming each that is wrong."""
    try:
        return GenerateFields.model_validate(sent)
    except ValidationError as error:
        raise InvalidRequest(field_errors(error, sent)) from None
