"""The client for programs that do one thing after the other.

Made of `asynchronous.py` by `make_sync.py`: change that one, and make this one anew.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal, Unpack

import httpx

from darkroom_client import calls, grids, masks
from darkroom_client.calls import Call, Listing, Patience, Where
from darkroom_client.errors import StillRunning, Unavailable
from darkroom_client.fields import Fields, PictureInput
from darkroom_client.formats import file_format
from darkroom_client.grids import Axis, Grid
from darkroom_client.masks import Mask, Meant
from darkroom_client.records import Event, File, Job, LoadedPicture, Model, Picture, Progress, State
from darkroom_client.stream import Follow, deadline, seats_taken


class Darkroom:
    """A Darkroom server.

    `url` and `token` are DARKROOM_URL and DARKROOM_TOKEN if left out, and this machine's server if
    those are too. `verify` may be the path of a certificate authority's file. `patience` is for
    how many seconds a server that is full, busy or restarting is asked again.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        verify: ssl.SSLContext | str | os.PathLike[str] | bool = True,
        patience: float = 60.0,
    ) -> None:
        self._where = Where.of(url, token, verify, patience)
        self._http = httpx.Client(**self._where.settings)

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._where.url

    def __enter__(self) -> Darkroom:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every connection."""
        self._http.close()

    def generate(
        self,
        prompt: str = "",
        *,
        on_progress: Callable[[Progress], object] | None = None,
        timeout: float | None = None,
        **fields: Unpack[Fields],
    ) -> list[LoadedPicture]:
        """Make pictures and fetch them; the job is canceled if the wait is.

        Raises what `submit` and `wait` raise.
        """
        job = self.submit(prompt, **fields)
        try:
            job = self.wait(job, on_progress=on_progress, timeout=timeout)
        except calls.INTERRUPTED:
            self._abandon(calls.cancel(job))
            raise
        return [self.load(picture) for picture in job.outputs]

    def submit(self, prompt: str = "", **fields: Unpack[Fields]) -> Job:
        """Create a job, waiting while the queue is full; sent again or not, it is one job.

        Given up before the answer is there, it is canceled.
        Raises RequestRefused, whose `errors` name each field that is wrong.
        """
        call = calls.submit(prompt, fields)
        return calls.read_job(self._kept(call, lambda answer: calls.cancel(calls.read_job(answer))))

    def wait(
        self,
        job: Job | str,
        *,
        on_progress: Callable[[Progress], object] | None = None,
        timeout: float | None = None,
    ) -> Job:
        """Wait until the job has its pictures. Raises JobFailed, JobCanceled and StillRunning."""
        until = deadline(timeout)
        while True:
            follow = Follow(self._where, job, "", until)
            try:
                with closing(self._follow(follow)) as events:
                    for event in events:
                        if on_progress and isinstance(event, Progress):
                            on_progress(event)
            except Unavailable as error:
                time.sleep(seats_taken(error))
            now = self.get(job)
            if now.ended:
                calls.pictures_of(now)
                return now
            if follow.late:
                raise StillRunning(f"The job is {now.status} after {timeout:g} s.", now)

    def events(self, job: Job | str | None = None, *, after: str = "") -> Iterator[Event]:
        """What happens to a job until it is done, or without one to all of the caller's for ever.

        A job's events begin with those it had already, all jobs' with what comes now; `after` is
        the `id` of the last event that is known. Broken connections are taken up again.
        """
        return self._follow(Follow(self._where, job, after))

    def get(self, job: Job | str) -> Job:
        """The job as it is now. Raises NotFound."""
        return calls.read_job(self._send(calls.get(job)))

    def cancel(self, job: Job | str) -> Job:
        """Cancel a job; one that has ended stays as it is."""
        return calls.read_job(self._send(calls.cancel(job)))

    def move(
        self,
        job: Job | str,
        *,
        to: Literal["first", "last"] | None = None,
        before: Job | str | None = None,
        after: Job | str | None = None,
    ) -> Job:
        """Move a job that waits: first, last, or beside another that waits for the same.

        One of `to`, `before` and `after`. Raises RequestRefused where it does not wait any more.
        """
        return calls.read_job(self._send(calls.move(job, to, before, after)))

    def delete(self, what: Job | Picture | str) -> None:
        """Remove a job, by its id too, and its pictures; one that has not ended is canceled first.

        Of a picture, that one alone: the others of its job stay.
        """
        self._send(calls.delete(what))

    def jobs(
        self, *, status: State | None = None, owner: str | None = None, limit: int | None = None
    ) -> Iterator[Job]:
        """Jobs, newest first, fetched as they are needed; an admin names another `owner`."""
        listing = Listing(status, owner, limit)
        while listing.call:
            response = self._send(listing.call)
            yield from listing.page(response.json())

    def grid(self, axes: Sequence[Axis], prompt: str = "", **fields: Unpack[Fields]) -> Grid:
        """Create a grid: a job for each combination of the axes' values, all of them or none.

        Given up before the answer is there, it is canceled.
        Raises RequestRefused, whose `errors` name each value that is wrong by its place.
        """
        call = grids.create(axes, prompt, fields)
        return grids.read(self._kept(call, lambda answer: grids.cancel(grids.read(answer))))

    def get_grid(self, grid: Grid | str) -> Grid:
        """The grid as it is now. Raises NotFound."""
        return grids.read(self._send(grids.get(grid)))

    def wait_for_grid(
        self,
        grid: Grid | str,
        *,
        on_progress: Callable[[Grid], object] | None = None,
        timeout: float | None = None,
    ) -> Grid:
        """Wait until every cell has ended, well or not. Raises StillRunning."""
        until = deadline(timeout)
        while True:
            now = self.get_grid(grid)
            if on_progress:
                on_progress(now)
            if now.done:
                return now
            if until is not None and time.monotonic() > until:
                job = self.get(now.open_job)
                ended = f"{now.ended} of the grid's {len(now.cells)} cells"
                raise StillRunning(f"{ended} have ended after {timeout:g} s.", job)
            time.sleep(1.0)

    def cancel_grid(self, grid: Grid | str) -> Grid:
        """Cancel what of a grid has not ended; the pictures that are there stay."""
        return grids.read(self._send(grids.cancel(grid)))

    def delete_grid(self, grid: Grid | str) -> None:
        """Remove a grid with its jobs and their pictures."""
        self._send(grids.delete(grid))

    def sheet(self, grid: Grid | str, *, width: int = 192) -> bytes:
        """All pictures of a grid under their labels, each `width` pixels wide, as one SVG."""
        return (self._send(grids.sheet(grid, width))).content

    def find_mask(self, image: PictureInput, **meant: Unpack[Meant]) -> Mask:
        """What `words` or `points` mean of a picture, for a job to repaint.

        Raises RequestRefused where the server has no segmenter that goes by them.
        """
        call = masks.find(image, **meant)
        return masks.read(self._send(call))

    def models(self) -> list[Model]:
        """The models that can be asked for, the default one first."""
        return calls.read_models(self._send(calls.models()))

    def load(self, picture: Picture) -> LoadedPicture:
        """A picture with its bytes."""
        if isinstance(picture, LoadedPicture):
            return picture
        return calls.loaded(picture, self._send(calls.download(picture)))

    def fetch(self, file: File) -> bytes:
        """What shows all pictures of a walk, in the format that its `content_type` names."""
        return (self._send(calls.download(file.id))).content

    def save(self, picture: Picture, path: str | os.PathLike[str]) -> Path:
        """Fetch a picture into a file, as the name says: .png, .jpg or .webp; returns its path.

        Raises ValueError for the name of another format.
        """
        format, path = file_format(path), Path(path)
        if format == "png":
            loaded = self.load(picture)
            return loaded.save(path)
        response = self._send(calls.download(picture, format))
        path.write_bytes(response.content)
        return path

    def _kept(self, call: Call, undo: Callable[[httpx.Response], Call]) -> httpx.Response:
        """The answer to what creates something, which is undone if nobody waits for the answer.

        The server may have what was sent: with the key that it came with it says what it made.
        """
        try:
            return self._send(call)
        except calls.INTERRUPTED:
            self._abandon(call, undo)
            raise

    def _abandon(self, call: Call, then: Callable[[httpx.Response], Call] | None = None) -> None:
        """Send it in one short try, and what follows from its answer: the caller is leaving."""
        with suppress(httpx.HTTPError):
            more: dict[str, Any] = {**call.more, "timeout": calls.FAREWELL}
            response = self._http.request(call.method, call.path, **more)
            if then and response.is_success:
                self._abandon(then(response))

    def _send(self, call: Call) -> httpx.Response:
        patience = Patience(self._where)
        while True:
            try:
                response = self._http.request(call.method, call.path, **call.more)
                pause = patience.answered(response)
            except httpx.TransportError as error:
                pause = patience.after(error)
            else:
                if pause is None:
                    return response
            time.sleep(pause)

    def _follow(self, follow: Follow) -> Generator[Event]:
        while not (follow.ended or follow.late):
            call = follow.request()
            try:
                with self._http.stream(call.method, call.path, **call.more) as response:
                    if response.is_error:
                        response.read()
                    if follow.opened(response):
                        for line in response.iter_lines():
                            if (event := follow.take(line)) is not None:
                                yield event
                            if follow.ended or follow.due:
                                break
            except httpx.TransportError as error:
                follow.broken(error)
            if not follow.ended:
                time.sleep(follow.pause())
