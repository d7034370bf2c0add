"""`darkroom generate`: a prompt in, a picture in a file, a progress bar in between."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from darkroom_client import Darkroom, Fields, Job, JobError, LoadedPicture, Progress, Status

from darkroom.commands.client import connect


def generate(url: str, prompt: str, fields: Fields, output: str | None) -> int:
    """Make the pictures, save them, and say where; returns the exit code."""
    with connect(url) as darkroom:
        job = darkroom.submit(prompt, **fields)
        try:
            _follow(darkroom, job)
            job = darkroom.wait(job)
        except KeyboardInterrupt:
            darkroom.cancel(job)
            print("\nCanceled.", file=sys.stderr)
            return 130
        except JobError as error:
            print(f"No picture: {error}", file=sys.stderr)
            return 1
        names = _names(output, prompt, len(job.outputs))
        for name, picture in zip(names, job.outputs, strict=True):
            _save(name, darkroom.load(picture))
    return 0


def _follow(darkroom: Darkroom, job: Job) -> None:
    """Show the job's progress until it ends."""
    bar = Bar()
    for event in darkroom.events(job):
        match event:
            case Status(status=status):
                bar.show(status)
            case Progress(stage="loading", detail=str(detail)):
                bar.show(detail)
            case Progress():
                bar.show("running", event.step, event.steps)
            case _:
                continue
    bar.close()


class Bar:
    """A progress bar on a terminal; elsewhere a line when the status changes."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._status = ""

    def show(self, status: str, step: int = 0, steps: int = 0) -> None:
        """Draw `step` of `steps`, or the status alone where there is nothing to count yet."""
        if self._live:
            width = max(10, min(40, shutil.get_terminal_size().columns - 32))
            done = width * step // steps if steps else 0
            count = f" {step}/{steps} steps" if steps else ""
            bar = "#" * done + "." * (width - done)
            print(f"\r[{bar}] {status}{count}\033[K", end="", file=sys.stderr, flush=True)
            return
        # A line a percent would be a hundred of them.
        status = status.partition(",")[0]
        if status != self._status:
            print(status, file=sys.stderr, flush=True)
        self._status = status

    def close(self) -> None:
        """Clear the bar."""
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _names(output: str | None, prompt: str, count: int) -> list[str]:
    if output == "-":
        return ["-"] * count
    if output:
        path = Path(output)
        if count == 1:
            return [output]
        suffix = path.suffix or ".png"
        return [str(path.with_name(f"{path.stem}-{i}{suffix}")) for i in range(1, count + 1)]
    # No name was given: one from the prompt that overwrites nothing.
    stem = re.sub(r"[^\w]+", "-", prompt.lower()).strip("-")[:60] or "picture"
    free = (f"{stem}{f'-{i}' if i else ''}.png" for i in range(100_000))
    names = (name for name in free if not Path(name).exists())
    return [next(names) for _ in range(count)]


def _save(name: str, picture: LoadedPicture) -> None:
    if name == "-":
        sys.stdout.buffer.write(picture.data)
        return
    picture.save(name)
    print(f"{name}  {picture.width}x{picture.height}  seed {picture.seed}")
