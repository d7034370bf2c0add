"""Pictures by the Python client, of a real server and a real worker with the model that ships."""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from darkroom_client import (
    AsyncDarkroom,
    Darkroom,
    Done,
    Event,
    JobCanceled,
    LoadedPicture,
    Output,
    Preview,
    Progress,
    Status,
)
from PIL import Image

from tests.running.paths import REPOSITORY
from tests.running.site import Site

README = (REPOSITORY / "clients" / "python" / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def darkroom(site: Site) -> Iterator[Darkroom]:
    with Darkroom(site.url) as darkroom:
        yield darkroom


def shown(data: bytes) -> Image.Image:
    """The picture, which must not be blank."""
    picture = Image.open(io.BytesIO(data))
    assert len(picture.convert("L").getcolors()) > 16
    return picture


def test_a_prompt_becomes_pictures_and_every_step_is_told(darkroom: Darkroom, tmp_path: Path):
    told: list[Progress] = []
    first, second = darkroom.generate(
        "red apple, 3d", steps=12, count=2, seed=7, width=64, height=64, on_progress=told.append
    )
    assert (first.seed, second.seed) == (7, 8)
    assert shown(first.data).size == (first.width, first.height) == (64, 64)
    assert first.data != second.data
    assert any(progress.stage == "denoising" for progress in told)
    assert told[-1].fraction > 0.5
    saved = darkroom.save(first, tmp_path / "apple.png")
    assert saved.read_bytes() == first.data


def test_what_a_job_says_of_itself_makes_the_same_picture(darkroom: Darkroom):
    job = darkroom.wait(darkroom.submit("rocket", steps=4, exact=True))
    again = darkroom.wait(darkroom.submit(**job.input))
    pixels = [
        Image.open(io.BytesIO(darkroom.load(each.outputs[0]).data)).tobytes()
        for each in (job, again)
    ]
    assert pixels[0] == pixels[1]


def test_events_are_typed_and_end_with_the_whole_job(darkroom: Darkroom):
    job = darkroom.submit("birthday cake", steps=40, width=64, height=64, preview_interval=0.05)
    events = list(darkroom.events(job))
    assert {type(event) for event in events} == {Status, Progress, Preview, Output, Done}
    preview = next(event for event in events if isinstance(event, Preview))
    assert shown(preview.image).format == "JPEG"
    done = events[-1]
    assert isinstance(done, Done)
    assert done.result == darkroom.get(job)
    assert done.result.outputs[0].url


def test_a_running_job_is_canceled(darkroom: Darkroom):
    job = darkroom.submit("house", steps=150, count=2)
    next(event for event in darkroom.events(job) if isinstance(event, Progress) and event.step)
    darkroom.cancel(job)
    with pytest.raises(JobCanceled):
        darkroom.wait(job, timeout=20)
    assert darkroom.cancel(job).status == "canceled"


@pytest.mark.slow
def test_events_go_on_where_they_were_after_the_server_was_killed(darkroom: Darkroom, site: Site):
    job = darkroom.submit("guitar", steps=150, count=2, width=64, height=64)
    seen: list[Event] = []
    killed = False
    for event in darkroom.events(job):
        seen.append(event)
        if isinstance(event, Progress) and event.step and not killed:
            killed = True
            site.server.kill()
            site.server.start()
    assert killed
    assert isinstance(seen[-1], Done)
    assert seen[-1].status == "succeeded"
    outputs = [event.picture.id for event in seen if isinstance(event, Output)]
    assert len(outputs) == len(set(outputs)) == 2
    assert [event.status for event in seen if isinstance(event, Status)].count("queued") == 1


def test_pictures_go_in_as_path_bytes_file_record_and_id(darkroom: Darkroom, tmp_path: Path):
    (apple,) = darkroom.generate("red apple, 3d", steps=4, width=64, height=64)
    path = apple.save(tmp_path / "apple.png")
    with path.open("rb") as file:
        for given in (path, str(path), apple.data, file, apple, apple.id):
            job = darkroom.submit(
                "green pear", kind="image-to-image", image=given, strength=0.5, steps=4
            )
            assert darkroom.wait(job).outputs, given
    job = darkroom.submit(kind="inpaint", prompt="pear", image=apple, mask=path, steps=4)
    assert darkroom.wait(job).input["mask"].startswith(job.id)
    with pytest.raises(FileNotFoundError):
        darkroom.submit("pear", kind="variations", image=tmp_path / "missing.png")


def test_several_at_once_by_asyncio(site: Site):
    told: list[Progress] = []

    async def make() -> list[list[LoadedPicture]]:
        async with AsyncDarkroom(site.url) as darkroom:
            prompts = ["red apple", "rocket", "house", "guitar"]
            made = await asyncio.gather(
                *(
                    darkroom.generate(
                        each, steps=8, width=64, height=64, seed=7, on_progress=told.append
                    )
                    for each in prompts
                )
            )
            assert [job.input["prompt"] async for job in darkroom.jobs(limit=4)]
            assert (await darkroom.models())[0].name == "emoji"
            job = await darkroom.submit("cat face", steps=150, count=4)
            async for event in darkroom.events(job):
                if isinstance(event, Status) and event.status == "running":
                    await darkroom.cancel(event.job)
            return made

    made = asyncio.run(make())
    assert len({shown(pictures[0].data).tobytes() for pictures in made}) == 4
    assert len({progress.job for progress in told}) == 4


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_block_of_the_readme_runs(number: int, site: Site, tmp_path: Path):
    (tmp_path / "photo.png").write_bytes(
        (REPOSITORY / "clients/web/public/icon-180.png").read_bytes()
    )
    environment = {**os.environ, "DARKROOM_URL": site.url}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCKS[number]],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert result.returncode == 0, result.stderr
    for name in re.findall(r'"([\w-]+\.png)"', BLOCKS[number]):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_picture_is_saved_as_its_files_name_says(darkroom: Darkroom, tmp_path: Path):
    (picture,) = darkroom.generate("red apple, 3d", steps=1)
    for name, format in (("a.jpg", "JPEG"), ("a.webp", "WEBP"), ("a.png", "PNG")):
        with Image.open(darkroom.save(picture, tmp_path / name)) as saved:
            assert saved.format == format
    with pytest.raises(ValueError, match=r"not \.gif$"):
        darkroom.save(picture, tmp_path / "a.gif")
    with pytest.raises(ValueError, match="these bytes are a PNG"):
        picture.save(tmp_path / "b.jpg")


def test_what_is_no_picture_is_said_before_anything_is_sent(darkroom: Darkroom, tmp_path: Path):
    with pytest.raises(TypeError, match=r"^A picture is a path, .*, not int\.$"):
        darkroom.submit("apple", kind="image-to-image", image=12)  # pyright: ignore[reportArgumentType]
    (tmp_path / "text").write_text("no picture")
    with (tmp_path / "text").open() as text, pytest.raises(TypeError, match="opened as text"):
        darkroom.submit("apple", kind="image-to-image", image=text)  # pyright: ignore[reportArgumentType]


def test_a_canceled_task_cancels_its_job(site: Site, darkroom: Darkroom):
    async def leave() -> None:
        async with AsyncDarkroom(site.url) as client:
            begun = asyncio.Event()
            task = asyncio.create_task(
                client.generate("house", steps=150, on_progress=lambda _: begun.set())
            )
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(leave())
    (job,) = darkroom.jobs(limit=1)
    assert job.input["prompt"] == "house"
    with pytest.raises(JobCanceled):
        darkroom.wait(job)
