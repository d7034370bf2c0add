"""Deleting a job: with its pictures, wherever they are kept or listed."""

from __future__ import annotations

from jobs.collections import albums
from jobs.queue import queue
from jobs.records.events import ENDED
from jobs.records.record import JobRecord
from server.outages import StoreAway
from server.pages.renditions import current_renditions
from server.resources import resources


def delete_with_pictures(record: JobRecord) -> None:
    """Cancel a job that has not ended, and delete it with all that was kept of it. Raises a 503."""
    here = resources()
    if record.status not in ENDED:
        record = queue.cancel(here.redis, record.id) or record
    _delete_pictures(record)
    queue.delete(here.redis, record)
    albums.forget(here.redis, record.owner, [output.id for output in record.outputs])
    if record.status != "succeeded":
        # What its worker stored between the two; from now on that sees that the job is gone.
        _delete_pictures(record)


def _delete_pictures(record: JobRecord) -> None:
    try:
        for image in record.stored_pictures():
            resources().store.delete(image)
            current_renditions().forget(image)
    except OSError as error:
        raise StoreAway from error
