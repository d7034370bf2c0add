"""Files that are sent in pieces become models, LoRAs and words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adding.conftest import MODELS, OFFSET, TUS, Counter
from tests.running.waiting import until

OFFSETS = {"Upload-Offset": "0", "Content-Type": OFFSET}


def test_a_file_comes_in_pieces_by_tus_and_goes_on_where_it_broke_off(
    counter: Counter, files: Path
):
    data = (files / "embedding.safetensors").read_bytes()
    url = counter.upload(data, "Sunny Word.safetensors", sha256=hashlib.sha256(data).hexdigest())
    assert counter.send(url, data[:100], 0).headers["Upload-Offset"] == "100"
    assert counter.send(url, data[:100], 0).status_code == 409
    upload = url.rpartition("/")[2]
    header = 8 + int.from_bytes(data[:8], "little")
    assert 100 < header + 100 < len(data)
    early = counter.look_up(f"upload:{upload}")
    assert early.status_code == (200 if header <= 100 else 422)
    assert counter.send(url, data[100 : header + 100], 100).status_code == 204
    found = counter.look_up(f"upload:{upload}").json()
    assert (found["kind"], found["usable"]) == ("embedding", True), "its header says what it is"
    early = counter.http.post(f"{MODELS}/additions", json={"source": f"upload:{upload}"})
    assert early.status_code == 422
    assert f"{header + 100} of" in early.json()["detail"]
    counter.site.server.kill()
    counter.site.server.start()
    there = counter.http.head(url)
    assert there.headers["Upload-Offset"] == str(header + 100)
    assert there.headers["Upload-Length"] == str(len(data))
    assert counter.send(url, data[header + 100 :], header + 100).status_code == 204
    found = counter.look_up(f"upload:{upload}").json()
    assert (found["kind"], found["bytes"]) == ("embedding", len(data))
    counter.added(f"upload:{upload}")
    assert counter.add_ons("embeddings")["sunny-word"]["bytes"] == len(data)
    assert counter.http.head(url).status_code == 404, "what was added is not kept twice"
    assert not list((counter.home / "data" / "images" / "uploads").rglob("*-*"))
    assert counter.make(prompt="a sunny-word") != counter.make()
    counter.http.delete(f"{MODELS}/add-ons/embedding/sunny-word").raise_for_status()


@pytest.mark.slow
def test_a_file_may_be_larger_than_any_body_and_come_in_one_request(counter: Counter):
    data = bytes(40 * 2**20)
    url = counter.upload(data, "large.safetensors")
    assert counter.send(url, data, 0).headers["Upload-Offset"] == str(len(data))
    assert counter.look_up(f"upload:{url.rpartition('/')[2]}").status_code == 422
    counter.http.delete(url).raise_for_status()

    url = counter.upload(data, "broken-off.safetensors")

    def broken() -> Iterator[bytes]:
        yield data[: 20 * 2**20]
        raise OSError("the phone went to sleep")

    with pytest.raises(OSError, match="sleep"):
        counter.http.patch(url, headers=OFFSETS | TUS, content=broken())
    until(lambda: int(counter.http.head(url).headers["Upload-Offset"]) > 16 * 2**20)
    counter.http.delete(url).raise_for_status()


def test_an_upload_that_is_not_what_it_said_is_not_offered(counter: Counter, files: Path):
    data = (files / "lora.safetensors").read_bytes()
    url = counter.upload(data, "../../../etc/wrong.safetensors", sha256="0" * 64)
    counter.send(url, data, 0)
    done = counter.ended_addition(counter.add(f"upload:{url.rpartition('/')[2]}"))
    assert done["status"] == "failed"
    assert "sha256" in done["error"]["detail"]
    staging = counter.dropped / ".darkroom" / "additions" / done["id"]
    assert staging.exists()
    assert counter.http.delete(done["urls"]["self"]).status_code == 204
    assert counter.http.get(done["urls"]["self"]).status_code == 404
    until(lambda: not staging.exists())
    assert not list((counter.dropped / "loras").glob("*"))
    assert counter.http.delete(url, headers={"Tus-Resumable": "0.2.2"}).status_code == 412
    assert counter.http.delete(url).status_code == 204
