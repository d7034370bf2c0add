"""The client for asyncio: the same methods, to be awaited."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, Literal, Unpack

import anyio
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


class AsyncDarkroom:
    """A Darkroom server, for asyncio.

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
        self._http = httpx.AsyncClient(**self._where.settings)

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._where.url

    async def __aenter__(self) -> AsyncDarkroom:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of every connection."""
        await self._http.aclose()

    async def generate(
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
        job = await self.submit(prompt, **fields)
        try:
            job = await self.wait(job, on_progress=on_progress, timeout=timeout)
        except calls.INTERRUPTED:
            await self._abandon(calls.cancel(job))
            raise
        return [await self.load(picture) for picture in job.outputs]

    async def submit(self, prompt: str = "", **fields: Unpack[Fields]) -> Job:
        """Create a job, waiting while the queue is full; sent again or not, it is one job.

        Given up before the answer is there, it is canceled.
        Raises RequestRefused, whose `errors` name each field that is wrong.
        """
        call = await asyncio.to_thread(calls.submit, prompt, fields)
        return calls.read_job(
            await self._kept(call, lambda answer: calls.cancel(calls.read_job(answer)))
        )

    async def wait(
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
                async with aclosing(self._follow(follow)) as events:
                    async for event in events:
                        if on_progress and isinstance(event, Progress):
                            on_progress(event)
            except Unavailable as error:
                await asyncio.sleep(seats_taken(error))
            now = await self.get(job)
            if now.ended:
                calls.pictures_of(now)
                return now
            if follow.late:
                raise StillRunning(f"The job is {now.status} after {timeout:g} s.", now)

    def events(self, job: Job | str | None = None, *, after: str = "") -> AsyncIterator[Event]:
        """What happens to a job until it is done, or without one to all of the caller's for ever.

        A job's events begin with those it had already, all jobs' with what comes now; `after` is
        the `id` of the last event that is known. Broken connections are taken up again.
        """
        return self._follow(Follow(self._where, job, after))

    async def get(self, job: Job | str) -> Job:
        """The job as it is now. Raises NotFound."""
        return calls.read_job(await self._send(calls.get(job)))

    async def cancel(self, job: Job | str) -> Job:
        """Cancel a job; one that has ended stays as it is."""
        return calls.read_job(await self._send(calls.cancel(job)))

    async def move(
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
        return calls.read_job(await self._send(calls.move(job, to, before, after)))

    async def delete(self, what: Job | Picture | str) -> None:
        """Remove a job, by its id too, and its pictures; one that has not ended is canceled first.

        Of a picture, that one alone: the others of its job stay.
        """
        await self._send(calls.delete(what))

    async def jobs(
        self, *, status: State | None = None, owner: str | None = None, limit: int | None = None
    ) -> AsyncIterator[Job]:
        """Jobs, newest first, fetched as they are needed; an admin names another `owner`."""
        listing = Listing(status, owner, limit)
        while listing.call:
            response = await self._send(listing.call)
            for job in listing.page(response.json()):
                yield job

    async def grid(self, axes: Sequence[Axis], prompt: str = "", **fields: Unpack[Fields]) -> Grid:
        """Create a grid: a job for each combination of the axes' values, all of them or none.

        Given up before the answer is there, it is canceled.
        Raises RequestRefused, whose `errors` name each value that is wrong by its place.
        """
        call = await asyncio.to_thread(grids.create, axes, prompt, fields)
        return grids.read(await self._kept(call, lambda answer: grids.cancel(grids.read(answer))))

    async def get_grid(self, grid: Grid | str) -> Grid:
        """The grid as it is now. Raises NotFound."""
        return grids.read(await self._send(grids.get(grid)))

    async def wait_for_grid(
        self,
        grid: Grid | str,
        *,
        on_progress: Callable[[Grid], object] | None = None,
        timeout: float | None = None,
    ) -> Grid:
        """Wait until every cell has ended, well or not. Raises StillRunning."""
        until = deadline(timeout)
        while True:
            now = await self.get_grid(grid)
            if on_progress:
                on_progress(now)
            if now.done:
                return now
            if until is not None and time.monotonic() > until:
                job = await self.get(now.open_job)
                ended = f"{now.ended} of the grid's {len(now.cells)} cells"
                raise StillRunning(f"{ended} have ended after {timeout:g} s.", job)
            await asyncio.sleep(1.0)

    async def cancel_grid(self, grid: Grid | str) -> Grid:
        """Cancel what of a grid has not ended; the pictures that are there stay."""
        return grids.read(await self._send(grids.cancel(grid)))

    async def delete_grid(self, grid: Grid | str) -> None:
        """Remove a grid with its jobs and their pictures."""
        await self._send(grids.delete(grid))

    async def sheet(self, grid: Grid | str, *, width: int = 192) -> bytes:
        """All pictures of a grid under their labels, each `width` pixels wide, as one SVG."""
        return (await self._send(grids.sheet(grid, width))).content

    async def find_mask(self, image: PictureInput, **meant: Unpack[Meant]) -> Mask:
        """What `words` or `points` mean of a picture, for a job to repaint.

        Raises RequestRefused where the server has no segmenter that goes by them.
        """
        call = await asyncio.to_thread(masks.find, image, **meant)
        return masks.read(await self._send(call))

    async def models(self) -> list[Model]:
        """The models that can be asked for, the default one first."""
        return calls.read_models(await self._send(calls.models()))

    async def load(self, picture: Picture) -> LoadedPicture:
        """A picture with its bytes."""
        if isinstance(picture, LoadedPicture):
            return picture
        return calls.loaded(picture, await self._send(calls.download(picture)))

    async def fetch(self, file: File) -> bytes:
        """What shows all pictures of a walk, in the format that its `content_type` names."""
        return (await self._send(calls.download(file.id))).content

    async def save(self, picture: Picture, path: str | os.PathLike[str]) -> Path:
        """Fetch a picture into a file, as the name says: .png, .jpg or .webp; returns its path.

        Raises ValueError for the name of another format.
        """
        format, path = file_format(path), Path(path)
        if format == "png":
            loaded = await self.load(picture)
            return await asyncio.to_thread(loaded.save, path)
        response = await self._send(calls.download(picture, format))
        await asyncio.to_thread(path.write_bytes, response.content)
        return path

    async def _kept(self, call: Call, undo: Callable[[httpx.Response], Call]) -> httpx.Response:
        """The answer to what creates something, which is undone if nobody waits for the answer.

        The server may have what was sent: with the key that it came with it says what it made.
        """
        try:
            return await self._send(call)
        except calls.INTERRUPTED:
            await self._abandon(call, undo)
            raise

    async def _abandon(
        self, call: Call, then: Callable[[httpx.Response], Call] | None = None
    ) -> None:
        """Send it in one short try, and what follows from its answer: the caller is leaving."""
        with suppress(httpx.HTTPError), anyio.CancelScope(shield=True):
            more: dict[str, Any] = {**call.more, "timeout": calls.FAREWELL}
            response = await self._http.request(call.method, call.path, **more)
            if then and response.is_success:
                await self._abandon(then(response))

    async def _send(self, call: Call) -> httpx.Response:
        patience = Patience(self._where)
        while True:
            try:
                response = await self._http.request(call.method, call.path, **call.more)
                pause = patience.answered(response)
            except httpx.TransportError as error:
                pause = patience.after(error)
            else:
                if pause is None:
                    return response
            await asyncio.sleep(pause)

    async def _follow(self, follow: Follow) -> AsyncGenerator[Event]:
        while not (follow.ended or follow.late):
            call = follow.request()
            try:
                async with self._http.stream(call.method, call.path, **call.more) as response:
                    if response.is_error:
                        await response.aread()
                    if follow.opened(response):
                        async for line in response.aiter_lines():
                            if (event := follow.take(line)) is not None:
                                yield event
                            if follow.ended or follow.due:
                                break
            except httpx.TransportError as error:
                follow.broken(error)
            if not follow.ended:
                await asyncio.sleep(follow.pause())
