"""The events of a job, one class each, and how they travel through Redis.

Lasting events (status, output, done) are entries of two streams, the job's and its owner's; the
entry's id is the SSE id, so a client resumes where it was. Live events (progress, preview) are
published and gone: the job's record has the latest progress, and nobody needs an old preview.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from redis import Redis
from redis.client import Pipeline
from redis.typing import EncodableT, FieldT

from jobs.sentences import Wording, wording_of
from jobs.webhooks import outbox

JOB_EVENTS = 256
"""Entries of a job's stream: three statuses, an output an image, done, over three attempts."""

OWNER_EVENTS = 20_000
"""Entries of an owner's stream, about 5,000 jobs; past it the API fills in from the records."""

STREAM_TTL = 7 * 24 * 3600
"""Seconds after its last event in which a stream is dropped; whoever comes back later is told from
the records."""

Status = Literal["queued", "running", "succeeded", "failed", "canceled"]
ENDED: frozenset[Status] = frozenset(("succeeded", "failed", "canceled"))


class Error(BaseModel):
    """Why a job failed: a code for programs and a sentence for people."""

    code: str
    detail: str
    wording: Wording | None = Field(
        default=None,
        exclude_if=lambda wording: wording is None,
        description="What the detail says, for programs that say it in another language; absent "
        "where the code says enough, or where it is in English only.",
    )

    @classmethod
    def of(cls, code: str, detail: str) -> Self:
        """One whose wording is its sentence's."""
        return cls(code=code, detail=detail, wording=wording_of(detail))


SafetyAction = Literal["mark", "blur", "refuse"]


class Safety(BaseModel):
    """What the operator's safety classifier found in a picture, and what was done about it."""

    label: str = Field(description="What it calls it.")
    score: float = Field(description="How sure it is.")
    action: SafetyAction = Field(
        description="`mark` leaves the picture as it is, `blur` hides what is in it; `refuse` "
        "fails the job with the code `refused`."
    )


class Output(BaseModel):
    """One picture of a job."""

    id: str
    width: int
    height: int
    seed: int
    content_type: str = "image/png"
    prompt_tokens: int = Field(description="Tokens of the prompt, all of which were used.")
    prompt_chunks: int = Field(description="Windows of the text encoder that they filled.")
    read_as: str | None = Field(
        default=None,
        description="What the model's table of words made of the prompt; null where it was taken "
        "as it is written.",
    )
    strangers: list[str] = Field(
        default=[],
        description="Words of the prompt that the model was never taught, where it brings a table "
        "of those that it was: they say nothing to it. `GET /models` has what it draws well.",
    )
    note: str | None = Field(
        default=None,
        description="What was done otherwise than asked, in a sentence, such as that the model "
        "drew it at another size; null where nothing was.",
    )
    faces: int | None = Field(
        default=None,
        description="How many faces were found in it and restored; null where that was not asked "
        "for.",
    )
    safety: Safety | None = Field(
        default=None,
        description="What the server's safety classifier found; null where it found nothing, or "
        "there is none.",
    )


Stage = Literal["loading", "encoding", "denoising", "decoding"]


STORING = "storing"
"""What the progress of a job says whose pictures are all made, and not all of them stored."""

READING = "reading the picture"
"""What it says while the pictures are fetched and decoded that the job starts from."""


class Progress(BaseModel):
    """How far a job is, over all its pictures."""

    step: int
    steps: int
    fraction: float
    stage: Stage | None = Field(
        default=None,
        description="What the picture that is furthest behind goes through: `loading` waits for "
        "its model, `encoding` reads the prompt and the pictures, `denoising` makes the steps, "
        "`decoding` turns latents into pixels, and those into a file. Null before a worker has "
        "said.",
    )
    detail: str | None = Field(
        default=None, description="The same in words, such as `loading model, 40 %`."
    )


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)
    job: str


class StatusEvent(_Event):
    """The job's status changed to `queued` or `running`."""

    event: Literal["status"] = "status"
    status: Status


class OutputEvent(_Event):
    """One picture of the job is in the store."""

    event: Literal["output"] = "output"
    output: Output


class DoneEvent(_Event):
    """The job ended; nothing follows."""

    event: Literal["done"] = "done"
    status: Status
    error: Error | None = None


class ProgressEvent(_Event):
    """The job is further on: a denoising step was made, or more of its model was loaded."""

    event: Literal["progress"] = "progress"
    progress: Progress


class PreviewEvent(_Event):
    """What picture `index` of the job looks like by now: a small JPEG as a data URI."""

    event: Literal["preview"] = "preview"
    index: int
    image: str


class TraceEvent(_Event):
    """A step of picture `index` of a traced job was made: how noisy it was, its latents and those
    without noise, as small pictures in data URIs."""

    event: Literal["trace"] = "trace"
    index: int
    step: int
    timestep: float
    sigma: float
    x: str
    x0: str


LastingEvent = StatusEvent | OutputEvent | DoneEvent
LiveEvent = ProgressEvent | PreviewEvent | TraceEvent
Event = LastingEvent | LiveEvent

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def parse(data: bytes) -> Event:
    """The event that `publish` or `publish_live` wrote."""
    return _EVENT.validate_json(data)


def job_stream(job_id: str) -> str:
    """Key of the job's stream."""
    return f"darkroom:events:job:{job_id}"


def owner_stream(owner: str) -> str:
    """Key of the owner's stream."""
    return f"darkroom:events:owner:{owner}"


def live_channel(owner: str) -> str:
    """Channel of the owner's live events."""
    return f"darkroom:live:{owner}"


LIVE_CHANNELS = "darkroom:live:*"


def publish(pipe: Pipeline, owner: str, event: LastingEvent) -> None:
    """Add a lasting event to a transaction, so that state, event and webhook change together."""
    tell(pipe, owner, event)
    outbox.record(pipe, event.job, event.event, event.model_dump_json())


def tell(pipe: Pipeline, owner: str, event: LastingEvent) -> None:
    """As `publish`, for those who follow only: no webhook."""
    fields: dict[FieldT, EncodableT] = {"data": event.model_dump_json()}
    pipe.xadd(job_stream(event.job), fields, maxlen=JOB_EVENTS, approximate=True)
    pipe.expire(job_stream(event.job), STREAM_TTL)
    pipe.xadd(owner_stream(owner), fields, maxlen=OWNER_EVENTS, approximate=True)
    pipe.expire(owner_stream(owner), STREAM_TTL)


def publish_live(connection: Redis | Pipeline, owner: str, event: LiveEvent) -> None:
    """Publish a live event; in a pipeline the reply says how many listened."""
    connection.publish(live_channel(owner), event.model_dump_json())
