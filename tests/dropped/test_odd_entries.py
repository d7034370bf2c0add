"""What else lies in people's folders: links that lead nowhere, pipes, headers that lie."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dropped.dropping.room import Room, room_in
from tests.running.waiting import until
from tests.tiny.parts import save_tiny_embedding


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room_in(tmp_path_factory.mktemp("odd")) as room:
        yield room


def headed(file: Path, header: object, tail: bytes = b"0000") -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + tail)


def test_nothing_that_lies_in_a_folder_hides_what_lies_beside_it(room: Room):
    folder = room.site.data / "models"
    folder.mkdir(exist_ok=True)
    (folder / "itself.safetensors").symlink_to(folder / "itself.safetensors")
    (folder / "itself").symlink_to(folder / "itself")
    (folder / "nowhere.safetensors").symlink_to("/nowhere.safetensors")
    (folder / "above").symlink_to(folder)
    os.mkfifo(folder / "pipe.safetensors")
    (folder / "folder.safetensors").mkdir()
    (folder / "empty.safetensors").touch()
    tensor = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    headed(folder / "huge.safetensors", {"a": tensor | {"shape": [1 << 40, 1 << 40]}})
    headed(folder / "before.safetensors", {"a": tensor | {"data_offsets": [-4, 0]}})
    headed(folder / "same.safetensors", {"a": tensor, "b": tensor})
    headed(folder / "list.safetensors", ["a"])
    headed(folder / "deep.safetensors", b'{"a":' * 2000)
    headed(folder / "kinds.safetensors", {"a": {"dtype": "F9", "shape": "x", "data_offsets": 1}})
    headed(folder / "metadata.safetensors", {"__metadata__": {"modelspec.title": 5}, "a": tensor})
    (folder / "long.safetensors").write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    (folder / "zipped.safetensors").write_bytes(b"PK\x03\x04" + bytes(300))
    save_tiny_embedding(folder / 'a "b" <ü> 模型.safetensors')
    save_tiny_embedding(folder / "linked" / "word.safetensors")
    (folder / "word-2.safetensors").symlink_to(folder / "linked" / "word.safetensors")

    def words() -> set[str]:
        return {each["name"] for each in room.models()["tiny"]["embeddings"]}

    until(lambda: len(words()) == 2)
    assert "word-2" in words()
    problems = "\n".join(room.client.get("/api/v1/models").json()["problems"])
    for name in ("pipe", "huge", "before", "same", "list", "deep", "kinds", "long", "zipped"):
        assert f"{name}.safetensors" in problems, name
    assert "Traceback" not in room.site.worker.log()


def test_what_a_file_is_instead_of_a_model_is_said_as_it_is(room: Room):
    folder = room.site.data / "models" / "instead"
    whole = save_tiny_embedding(folder / "whole.safetensors").read_bytes()
    told = {
        "nothing.safetensors": (b"", "is empty."),
        "begun.safetensors": (whole[:5], "is cut off: it has 5 bytes"),
        "header.safetensors": (whole[:40], "is cut off: it has 40 bytes, and its header alone has"),
        "room.safetensors": (bytes(len(whole)), "begins with zeros: it is not whole yet"),
        "pointer.safetensors": (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4265146304\n",
            "is a pointer of Git LFS and not the file itself",
        ),
        "page.safetensors": (b"<!DOCTYPE html><html>Log in</html>", "is a page of the web"),
        "renamed.ckpt": (whole, "is a safetensors file by another ending; name it renamed.safe"),
        "ae.sft": (whole, "is a safetensors file by another ending; name it ae.safetensors."),
        "LOUD.SAFETENSORS": (whole, "is not looked at; name it LOUD.safetensors."),
        "old.CKPT": (b"\x80pickle", "is a pickle, which can run any code"),
    }
    for name, (content, _) in told.items():
        (folder / name).write_bytes(content)

    def problems() -> list[str]:
        return room.client.get("/api/v1/models").json()["problems"]

    until(lambda: sum("/instead/" in each for each in problems()) == len(told))
    for name, (_, why) in told.items():
        assert any(f"/instead/{name} {why}" in each for each in problems()), (name, problems())


def test_a_folder_without_its_tokenizer_is_said_to_lack_it(room: Room):
    folder = room.site.data / "models" / "half"
    shutil.copytree(room.site.data / "tiny", folder, ignore=shutil.ignore_patterns("tokenizer*"))

    def problems() -> str:
        return "\n".join(room.client.get("/api/v1/models").json()["problems"])

    until(lambda: "/half/" in problems())
    assert "/half/tokenizer has no files; model_index.json names it." in problems()
    assert "half" not in room.models()
