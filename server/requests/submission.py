"""From a request to a job in the queue, whichever API the request came by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rq.exceptions import NoSuchJobError

from jobs.logs import note_job
from jobs.queue import queue
from jobs.queue.queue import QueueFull
from jobs.quota import QuotaExceeded
from jobs.records.record import JobRecord, read
from jobs.records.workers import offered_models
from jobs.request.model_card import ModelCard
from jobs.request.notes import Note
from jobs.request.request import GenerationRequest, InvalidRequest
from jobs.request.resolve import resolve
from jobs.sentences import say
from jobs.webhooks.outbox import Hook
from server.door.auth import caller
from server.errors import ApiError, Unavailable
from server.looks import current_looks
from server.requests.uploads import Uploads, open_uploads
from server.resources import resources
from server.tracing import current_work


def known_models() -> list[ModelCard]:
    """What the workers offer, the default model first. Raises a 503 before one has started."""
    cards = offered_models(resources().redis)
    if not cards:
        raise Unavailable(
            "no-worker", say("no-worker-yet", "no worker has started yet, so no model is known")
        )
    return cards


def submit(
    request: GenerationRequest,
    parts: Mapping[str, bytes],
    *,
    cards: list[ModelCard],
    job_id: str | None = None,
    keyed: bool = False,
    hook: Hook | None = None,
    notes: Sequence[Note] = (),
) -> JobRecord:
    """Keep a job of this caller's; from here on it reaches an end whatever is killed meanwhile.

    `parts` has the bytes of each picture that came as a file, by the JSON pointer of its field;
    `keyed` says that `job_id` belongs to an Idempotency-Key; `notes` are what another API made of
    its own fields, and stand in the record before those of the request.
    Raises InvalidRequest, QueueFull, QuotaExceeded, and ApiError for 409 and 503.
    """
    job_id = job_id or queue.new_job_id()
    note_job(job_id)
    uploads = open_uploads(request, parts, job_id, resources().store)
    return submit_opened(
        request, uploads, cards=cards, job_id=job_id, keyed=keyed, hook=hook, notes=notes
    )


def submit_opened(
    request: GenerationRequest,
    uploads: Uploads,
    *,
    cards: list[ModelCard],
    job_id: str,
    keyed: bool = False,
    hook: Hook | None = None,
    notes: Sequence[Note] = (),
) -> JobRecord:
    """As `submit`, where the request's pictures were opened already, under ids of this job."""
    here, who = resources(), caller()
    said = list(notes)
    resolved = resolve(request, cards, uploads.pictures, said)
    # Stored before the job is in the queue: a worker may take it at once.
    uploads.keep()
    try:
        with current_work().part("submit", darkroom__job=job_id) as work:
            return queue.submit(
                here.redis,
                resolved,
                who.owner,
                caller=who.lane,
                account=who.account,
                job_id=job_id,
                keyed=keyed,
                hook=hook,
                trace=work.carrier,
                notes=said,
                looks=current_looks(),
                pictures_given=uploads.pictures,
            )
    except InvalidRequest:
        uploads.drop()
        raise
    except (QueueFull, QuotaExceeded):
        # The same request may have come twice at once, and the other have got in.
        if read(here.redis, job_id) is None:
            uploads.drop()
        raise
    except NoSuchJobError as error:
        uploads.drop()
        raise ApiError(409, "deleted", str(error)) from error
