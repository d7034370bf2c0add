"""Albums, presets, archives and links: each user's own, and true to what is deleted."""

from __future__ import annotations

import html
import io
import re
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from flask.testing import FlaskClient
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from redis import Redis

from jobs import devices
from jobs.collections import albums, archives
from jobs.pictures.image_store import ImageStore, image_id
from jobs.queue.queue import new_job_id
from jobs.recipes.provenance import PNG_KEYWORD, xmp
from tests.running.hand_worker import HandWorker, png
from tests.running.paths import API

FAVOURITES = f"{API}/albums/favourites"


@pytest.fixture
def images(client: FlaskClient, worker: HandWorker) -> list[str]:
    """Two pictures of one job."""
    job = client.post(f"{API}/jobs", json={"prompt": "red apple", "count": 2}).json["id"]
    return list(worker.run(job))


@pytest.fixture
def stranger(redis: Redis) -> dict[str, str]:
    """What somebody else sends."""
    return {"Authorization": f"Bearer {devices.create(redis, 'phone')[1]}"}


def listed(client: FlaskClient, album: str) -> list[str]:
    return client.get(f"{API}/albums/{album}").json["images"]


def test_an_album_is_made_filled_renamed_and_deleted_and_its_pictures_stay(
    client: FlaskClient, images: list[str]
):
    made = client.post(f"{API}/albums", json={"name": " Summer "})
    assert (made.status_code, made.json["name"], made.json["count"]) == (201, "Summer", 0)
    album = made.json["id"]
    for image in images:
        assert client.put(f"{API}/albums/{album}/images/{image}").status_code == 204
    page = client.get(f"{API}/albums/{album}").json
    assert page["images"] == images[::-1]
    assert [job["prompt"] for job in (each["input"] for each in page["jobs"])] == ["red apple"]
    assert (
        client.get(page["album"]["cover_url"]).data == client.get(f"{API}/images/{images[1]}").data
    )
    renamed = client.patch(f"{API}/albums/{album}", json={"name": "Winter"})
    assert (renamed.json["name"], renamed.json["count"]) == ("Winter", 2)
    assert client.delete(f"{API}/albums/{album}/images/{images[0]}").status_code == 204
    assert listed(client, album) == images[1:]
    assert client.delete(f"{API}/albums/{album}").status_code == 204
    assert client.get(f"{API}/albums/{album}").status_code == 404
    assert [each["id"] for each in client.get(f"{API}/albums").json["albums"]] == ["favourites"]
    assert client.get(f"{API}/images/{images[1]}").status_code == 200


def test_what_is_deleted_leaves_every_album_with_it(client: FlaskClient, images: list[str]):
    for image in images:
        client.put(f"{FAVOURITES}/images/{image}")
    client.delete(f"{API}/images/{images[1]}")
    assert client.get(f"{API}/albums").json["albums"][0]["count"] == 1
    client.delete(f"{API}/jobs/{images[0].split('-')[0]}")
    assert client.get(f"{API}/albums").json["albums"][0]["count"] == 0


def test_a_picture_that_is_gone_on_another_way_is_not_listed(
    client: FlaskClient, images: list[str], redis: Redis
):
    albums.put(redis, "local", "favourites", image_id(new_job_id(), 0))
    client.put(f"{FAVOURITES}/images/{images[0]}")
    page = client.get(FAVOURITES).json
    assert (page["images"], page["album"]["count"]) == (images[:1], 1)


def test_an_album_comes_page_by_page(client: FlaskClient, images: list[str]):
    for image in images:
        client.put(f"{FAVOURITES}/images/{image}")
    first = client.get(f"{FAVOURITES}?limit=1").json
    second = client.get(f"{FAVOURITES}?limit=1&start={first['next_start']}").json
    assert first["images"] + second["images"] == images[::-1]


def test_nobody_reaches_what_somebody_else_put_together(
    client: FlaskClient, images: list[str], stranger: dict[str, str]
):
    album = client.post(f"{API}/albums", json={"name": "Mine"}).json["id"]
    preset = client.post(f"{API}/presets", json={"name": "Ink", "request": {}}).json["id"]
    archive = client.post(f"{API}/archives", json={"images": images}).json["url"]
    for method, path in (
        ("GET", f"albums/{album}"),
        ("DELETE", f"albums/{album}"),
        ("PUT", f"albums/{album}/images/{images[0]}"),
        ("PUT", f"albums/favourites/images/{images[0]}"),
        ("DELETE", f"presets/{preset}"),
    ):
        answer = client.open(f"{API}/{path}", method=method, headers=stranger)
        assert answer.status_code == 404, path
    assert client.get(archive, headers=stranger).status_code == 404
    wanted = {"images": images}
    assert client.post(f"{API}/archives", json=wanted, headers=stranger).status_code == 404
    link = f"{API}/images/{images[0]}/links"
    assert client.post(link, json={}, headers=stranger).status_code == 404


def test_a_preset_is_kept_as_it_is_changed_and_deleted(client: FlaskClient):
    request = {"prompt": "ink drawing", "steps": 30}
    made = client.post(f"{API}/presets", json={"name": "Ink", "request": request}).json
    assert client.get(f"{API}/presets").json["presets"] == [made]
    path = f"{API}/presets/{made['id']}"
    changed = client.put(path, json={"name": "Pen", "request": {"steps": 3}}).json
    assert changed == {"id": made["id"], "name": "Pen", "request": {"steps": 3}}
    link = client.get(f"{path}/link").json
    assert link["url"].endswith("/#/make/eyJzdGVwcyI6M30")
    assert "//127.0.0.1" not in link["url"]
    assert link["qr"].startswith("<svg")
    too_large = client.put(path, json={"name": "Pen", "request": {"prompt": "x" * 20_000}})
    assert (too_large.status_code, too_large.json["type"]) == (409, "urn:darkroom:full")
    assert client.delete(path).status_code == 204
    assert client.put(path, json={"name": "Pen", "request": {}}).status_code == 404


def test_an_archive_has_the_files_as_they_were_stored(client: FlaskClient, images: list[str]):
    made = client.post(f"{API}/archives", json={"images": [*images, images[0]]}).json
    answer = client.get(made["url"])
    assert answer.content_type == "application/zip"
    with ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"darkroom-{image}.png" for image in images]
        assert (
            archive.read(f"darkroom-{images[0]}.png")
            == client.get(f"{API}/images/{images[0]}").data
        )


def test_an_archive_takes_no_more_memory_than_one_of_its_pictures(tmp_path: Path):
    store, size, count = ImageStore(str(tmp_path)), 2**20, 40
    image = image_id(new_job_id(), 0)
    store.put(image, png() + bytes(size))
    tracemalloc.start()
    pieces: Iterator[bytes] = archives.stream(store, [(image, str(at)) for at in range(count)])
    sent = sum(map(len, pieces))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent > count * size
    assert peak < 8 * size


def test_a_link_shows_one_picture_without_a_token_until_it_ends(
    client: FlaskClient, images: list[str], worker: HandWorker, monkeypatch: pytest.MonkeyPatch
):
    texts, file = PngInfo(), io.BytesIO()
    texts.add_text("parameters", "red apple")
    texts.add_itxt("prompt", "red apple")
    texts.add_itxt(PNG_KEYWORD, xmp("text-to-image", "1"))
    Image.new("RGB", (4, 4), "red").save(file, "PNG", pnginfo=texts)
    worker.store.delete(images[0])
    worker.store.put(images[0], file.getvalue())
    elsewhere = {"REMOTE_ADDR": "192.168.1.20"}
    made = client.post(f"{API}/images/{images[0]}/links", json={"hours": 2}).json
    path = made["url"][made["url"].index("/api/") :]
    assert made["qr"].startswith("<svg")
    seen = client.get(path, environ_base=elsewhere)
    assert seen.status_code == 200
    # Without what it was made of, and the address cannot be changed to have that.
    whole = client.get(f"{API}/images/{images[0]}").data
    with Image.open(io.BytesIO(whole)) as kept, Image.open(io.BytesIO(seen.data)) as shown:
        assert b"red apple" in whole
        assert b"red apple" not in seen.data
        assert shown.info["xmp"] == kept.info["xmp"]
        assert shown.tobytes() == kept.tobytes()
    small = client.get(f"{path}&format=webp", environ_base=elsewhere)
    assert small.status_code == 200
    assert b"red apple" not in small.data
    browser = {"Accept": "text/html,image/png,*/*;q=0.8"}
    page = client.get(path, environ_base=elsewhere, headers=browser)
    assert (page.status_code, page.mimetype, "Accept" in page.vary) == (200, "text/html", True)
    assert "PNG 4 \u00d7 4" in page.text
    # A tall picture is no wider than it stands on the screen.
    assert "calc((100vh - 4rem) * 4 / 4)" in page.text
    (preview,) = re.findall(r'og:image" content="([^"]+)"', page.text)
    assert preview.startswith(made["url"][: made["url"].index("/api/")])
    (sources, file) = re.findall(r'(?:srcset|a href)="([^" ]+)', page.text)
    for address, kind in ((preview, "jpeg"), (sources, "webp"), (file, "png")):
        address = html.unescape(address[address.index("/api/") :])
        shown = client.get(address, environ_base=elsewhere, headers=browser)
        assert (shown.status_code, shown.mimetype) == (200, f"image/{kind}")
        assert b"red apple" not in shown.data
    (style,) = re.findall(r'stylesheet" href="([^"]+)', page.text)
    with client.get(style, environ_base=elsewhere) as looks:
        assert (looks.status_code, looks.mimetype) == (200, "text/css")
    asked = path.replace("plain=true&", "")
    assert client.get(asked, environ_base=elsewhere).status_code == 403
    assert client.get(path.replace(images[0], images[1]), environ_base=elsewhere).status_code == 403
    later = time.time() + 2 * 3600 + 1
    monkeypatch.setattr(time, "time", lambda: later)
    ended = client.get(path, environ_base=elsewhere)
    assert (ended.status_code, ended.json["type"]) == (403, "urn:darkroom:bad-signature")
    page = client.get(path, environ_base=elsewhere, headers=browser)
    assert (page.status_code, page.mimetype) == (403, "text/html")
    assert "This link has ended" in page.text
    assert client.post(f"{API}/images/{images[0]}/links", json={"hours": 0}).status_code == 422
