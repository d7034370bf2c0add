"""The image store: whole or not there, first one wins, ids are no paths."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.pictures.image_store import ImageStore, image_id, input_id, job_of

JOB = "0123456789abcdef0123456789abcdef"


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    where = str(tmp_path / "images") if request.param == "folder" else f"memory://{tmp_path.name}"
    return ImageStore(where)


def test_a_picture_comes_back_as_it_was_put(store):
    store.put(image_id(JOB, 0), b"png")
    assert store.read(image_id(JOB, 0)) == b"png"
    assert store.size(image_id(JOB, 0)) == 3


def test_what_a_job_starts_from_is_never_what_it_makes(store):
    store.put(image_id(JOB, 0), b"made")
    store.put(input_id(JOB, 0), b"sent")
    assert store.read(image_id(JOB, 0)) == b"made"
    assert store.read(input_id(JOB, 0)) == b"sent"
    assert job_of(image_id(JOB, 3)) == job_of(input_id(JOB, 3)) == JOB
    assert job_of(f"{JOB}-x0") is None


def test_a_picture_is_never_replaced(store):
    store.put(image_id(JOB, 0), b"first")
    store.put(image_id(JOB, 0), b"second")
    assert store.read(image_id(JOB, 0)) == b"first"


def test_deleting_twice_is_fine(store):
    store.put(image_id(JOB, 0), b"png")
    store.delete(image_id(JOB, 0))
    store.delete(image_id(JOB, 0))
    with pytest.raises(FileNotFoundError):
        store.read(image_id(JOB, 0))


@pytest.mark.parametrize(
    "odd",
    ["../secret", f"{JOB}-0/../../x", f"{JOB}-0.png", "", f"{JOB}-99999", f"{JOB}-ii0", f"{JOB}-i"],
)
def test_an_id_that_is_no_id_is_no_path(store, odd):
    with pytest.raises(FileNotFoundError):
        store.read(odd)


def test_nothing_but_the_picture_is_left_in_the_folder(tmp_path):
    ImageStore(str(tmp_path)).put(image_id(JOB, 1), b"png")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{JOB}-1.png"]


WRITER = """
import sys
from jobs.pictures.image_store import ImageStore
store, data = ImageStore(sys.argv[1]), b"x" * 3_000_000
for i in range(10_000):
    store.put(f"{i:032x}-0", data)
    print(i, flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_whole_pictures_only(tmp_path):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(0.05)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    pictures = list(tmp_path.rglob("*.png"))
    assert pictures
    assert {path.stat().st_size for path in pictures} == {3_000_000}


def test_what_a_dead_writer_left_is_swept_up_and_what_a_live_one_writes_is_not(tmp_path: Path):
    store = ImageStore(str(tmp_path))
    store.put(image_id(JOB, 0), b"png")
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    old, new = folder / ".old.tmp", folder / ".new.tmp"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    assert store.sweep() == 1
    assert not old.exists()
    assert new.exists()
