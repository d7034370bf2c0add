"""What goes wrong, one class each; the text of each is a sentence for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom_client.wording import Wording

if TYPE_CHECKING:
    from darkroom_client.records import Job


class DarkroomError(Exception):
    """What every error of this package is."""


class NoServer(DarkroomError):
    """Nothing answers at that address."""


@dataclass(frozen=True)
class FieldError:
    """One field that is wrong, as a JSON pointer such as `/steps`, and the limit it broke."""

    pointer: str
    detail: str
    wording: Wording | None = None


class RequestRefused(DarkroomError):
    """The server did not do what was asked; the text is its own sentence.

    `errors` has each field that is wrong, `code` is for programs, and `wording` is for those that
    say the sentence in another language, where it has one.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int,
        code: str,
        errors: Sequence[FieldError] = (),
        wording: Wording | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.errors = tuple(errors)
        self.wording = wording


class NotAllowed(RequestRefused):
    """The token is missing, wrong or revoked, or this takes an admin."""


class NotFound(RequestRefused):
    """There is no such job or picture, or it is somebody else's."""


class QueueFull(RequestRefused):
    """The queue was full, or the caller's share used up, for longer than the client's patience."""


class Unavailable(RequestRefused):
    """The server lacked its Redis, a worker or room for longer than the client's patience."""


class JobError(DarkroomError):
    """A job gave no pictures; `job` is its record."""

    def __init__(self, text: str, job: Job) -> None:
        super().__init__(text)
        self.job = job


class JobFailed(JobError):
    """The job failed; the text is the server's reason, `job.error.code` is for programs."""


class JobCanceled(JobError):
    """Somebody canceled the job."""


class StillRunning(JobError, TimeoutError):
    """The time for waiting is over; the job goes on, and may be waited for again or canceled."""
