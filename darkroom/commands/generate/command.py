"""`darkroom generate`: prompts in, pictures in files, a progress bar in between."""

from __future__ import annotations

import argparse
import re
import sys
import webbrowser
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, islice, repeat
from pathlib import Path

from darkroom_client import (
    Darkroom,
    DarkroomError,
    Fields,
    File,
    Job,
    JobError,
    Picture,
    Progress,
    RequestRefused,
    Status,
    file_format,
    strangers,
)

from darkroom.commands.client import connect
from darkroom.commands.generate import arguments
from darkroom.commands.generate.bar import Bar

AHEAD = 16
"""Jobs that are sent before the first one's pictures are there: together they share forwards."""


class Unusable(Exception):
    """What was asked for on the command line cannot be; the text says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `generate` is told by."""
    parser.add_argument("prompt", nargs="?", help="what to draw, or what to do with the picture")
    parser.add_argument("--prompts", metavar="FILE", help="a prompt a line instead; - is the input")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="file to write, as .png, .jpg or .webp; a folder; or - for the output. Several "
        "pictures are numbered. Named after the prompt if left out",
    )
    parser.add_argument("--open", action="store_true", help="show each picture when it is there")
    arguments.add_to(parser)


def generate(url: str, parsed: argparse.Namespace) -> int:
    """Make the pictures, save them, and say where; returns the exit code."""
    try:
        prompts = _prompts(parsed)
        fields = arguments.fields_of(parsed)
        # How many pictures a walk has, the server says; it is never one.
        each = 2 if fields.get("walk") else fields.get("count", 1)
        names = _names(parsed.output, each * len(prompts))
        with connect(url) as darkroom:
            return _Run(darkroom, fields, names, parsed.output, parsed.open).all(prompts)
    except Unusable as error:
        print(error, file=sys.stderr)
    except RequestRefused as error:
        wrong = [arguments.said_of(each) for each in error.errors]
        print("\n".join(wrong or [str(error)]), file=sys.stderr)
    return 1


class _Run:
    """The jobs of one command, in their order."""

    def __init__(
        self,
        darkroom: Darkroom,
        fields: Fields,
        names: Iterator[str | None],
        output: str | None,
        opened: bool,
    ) -> None:
        self._darkroom = darkroom
        self._fields = fields
        self._names = names
        self._output = output
        self._open = opened
        self._sent: deque[tuple[str, Job]] = deque()

    def all(self, prompts: list[str]) -> int:
        """Make and save the pictures of every prompt; returns the exit code."""
        code, waiting = 0, iter(prompts)
        try:
            self._send(islice(waiting, AHEAD))
            for number in range(1, len(prompts) + 1):
                prompt, job = self._sent[0]
                self._follow(job, f"{number}/{len(prompts)} " if len(prompts) > 1 else "")
                try:
                    done = self._darkroom.wait(job)
                    for note in done.notes:
                        print(arguments.said_of(note), file=sys.stderr)
                    if unknown := strangers(done):
                        print(unknown, file=sys.stderr)
                    for picture in done.outputs:
                        self._save(prompt, picture)
                    for file in done.files:
                        self._save_file(prompt, file)
                except JobError as error:
                    print(f"No picture of {prompt!r}: {error}", file=sys.stderr)
                    code = 1
                self._sent.popleft()
                self._send(islice(waiting, 1))
        except BaseException as error:
            for _, job in self._sent:
                with suppress(DarkroomError):
                    self._darkroom.cancel(job)
            if not isinstance(error, KeyboardInterrupt):
                raise
            print("\nCanceled.", file=sys.stderr)
            return 130
        return code

    def _send(self, prompts: Iterator[str]) -> None:
        for prompt in prompts:
            try:
                self._sent.append((prompt, self._darkroom.submit(prompt, **self._fields)))
            except OSError as error:
                named = self._named(error.filename)
                raise Unusable(f"{named} cannot be read: {error.strerror}") from None

    def _named(self, file: object) -> str:
        """A file after the option that names it, unless it is part of what that says."""
        for name, value in self._fields.items():
            if value == file or (isinstance(value, list) and file in value):
                return f"--{name.replace('_', '-')}: {file}"
        return str(file)

    def _follow(self, job: Job, which: str) -> None:
        """Show the job's progress until it ends."""
        bar = Bar(which)
        for event in self._darkroom.events(job):
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

    def _save(self, prompt: str, picture: Picture) -> None:
        name = next(self._names) or _free_name(Path(), prompt)
        if name == "-":
            sys.stdout.buffer.write(self._darkroom.load(picture).data)
            return
        if Path(name).is_dir():
            name = _free_name(Path(name), prompt)
        try:
            self._darkroom.save(picture, name)
        except OSError as error:
            raise self._unwritten(name, error, picture.id) from None
        print(f"{name}  {picture.width}x{picture.height}  seed {picture.seed}")
        self._show(name)

    def _save_file(self, prompt: str, file: File) -> None:
        """What shows all pictures of a walk, beside them."""
        if self._output == "-":
            return
        suffix = "." + file.content_type.rpartition("/")[2]
        path = Path(self._output or "")
        if self._output is None or path.is_dir():
            name = _free_name(path, f"{prompt} {file.name}", suffix)
        else:
            name = _free_name(path.parent, f"{path.stem} {file.name}", suffix)
        try:
            Path(name).write_bytes(self._darkroom.fetch(file))
        except OSError as error:
            raise self._unwritten(name, error, file.id) from None
        print(f"{name}  all of them")
        self._show(name)

    def _unwritten(self, name: str, error: OSError, image: str) -> Unusable:
        return Unusable(
            f"{name} cannot be written: {error.strerror}. The picture is on the server: "
            f"{self._darkroom.url}/api/v1/images/{image}"
        )

    def _show(self, name: str) -> None:
        if self._open and not webbrowser.open(Path(name).absolute().as_uri()):
            print("Nothing here shows pictures: --open did nothing.", file=sys.stderr)


def _prompts(parsed: argparse.Namespace) -> list[str]:
    if parsed.prompts is None:
        return [parsed.prompt or ""]
    if parsed.prompt is not None:
        raise Unusable("Either a prompt or --prompts, not both.")
    try:
        text = (
            sys.stdin.read() if parsed.prompts == "-" else Path(parsed.prompts).read_text("utf-8")
        )
    except OSError as error:
        raise Unusable(f"--prompts: {parsed.prompts} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unusable(f"--prompts: {parsed.prompts} is no text in UTF-8.") from None
    if not (prompts := [line.strip() for line in text.splitlines() if line.strip()]):
        raise Unusable(f"--prompts: {parsed.prompts} has no prompt.")
    return prompts


def _names(output: str | None, total: int) -> Iterator[str | None]:
    """The name of each picture; None for one to be named after its prompt.

    Raises Unusable, before anything is made, where nothing could be written.
    """
    if output is None or output == "-" or Path(output).is_dir():
        return repeat(output)
    path = Path(output)
    if output.endswith("/") or not path.parent.is_dir():
        missing = path if output.endswith("/") else path.parent
        raise Unusable(f"--output: there is no folder {missing}")
    try:
        file_format(path)
    except ValueError as error:
        raise Unusable(f"--output: {error}") from None
    if total == 1:
        return iter([output])
    suffix = path.suffix or ".png"
    return (str(path.with_name(f"{path.stem}-{number}{suffix}")) for number in count(1))


def _free_name(folder: Path, prompt: str, suffix: str = ".png") -> str:
    """A name made of the prompt, of a file that is not there yet."""
    stem = re.sub(r"[^\w]+", "-", prompt.lower()).strip("-")[:60] or "picture"
    names = (folder / f"{stem}{f'-{number}' if number else ''}{suffix}" for number in count())
    return str(next(name for name in names if not name.exists()))
