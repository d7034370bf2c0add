"""Pictures: as stored, as phones want them, and only for those who have their URL."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from redis import Redis

from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from jobs.pictures.image_store import ImageStore, image_id
from jobs.queue.queue import new_job_id
from server.door.signing import DAY, SECRET, Signer, current_signer
from server.pages import renditions
from server.pages.renditions import Renditions
from tests.running.hand_worker import png
from tests.running.paths import API


@pytest.fixture
def image(store: ImageStore) -> str:
    image = image_id(new_job_id(), 0)
    store.put(image, png())
    return image


@pytest.fixture
def url(image: str) -> str:
    return f"{API}/images/{image}"


def test_a_picture_comes_as_it_was_stored_and_may_be_kept_for_ever(client: FlaskClient, url: str):
    answer = client.get(url)
    assert answer.data == png()
    assert answer.content_type == "image/png"
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Accept-Ranges"] == "bytes"
    etag, weak = answer.get_etag()
    assert etag
    assert not weak


def test_a_picture_the_client_has_is_not_sent_again(client: FlaskClient, url: str):
    etag = client.get(url).headers["ETag"]
    answer = client.get(url, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.data) == (304, b"")
    assert client.get(f"{url}?format=webp", headers={"If-None-Match": etag}).status_code == 200


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=1-3", 206, b"PNG"),
        ("bytes=-3", 206, png()[-3:]),
        ("bytes=10-", 206, png()[10:]),
        ("bytes=999999-", 416, None),
        ("bananas=1-2", 200, png()),
    ],
)
def test_a_range_is_a_part(
    client: FlaskClient, url: str, asked: str, status: int, part: bytes | None
):
    answer = client.get(url, headers={"Range": asked})
    assert answer.status_code == status
    if part is not None:
        assert answer.data == part
    else:
        assert answer.headers["Content-Range"] == f"bytes */{len(png())}"
        assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize(("width", "expected"), [(32, (32, 24)), (64, (64, 48)), (2000, (64, 48))])
def test_a_rendition_is_narrower_and_never_enlarged(
    client: FlaskClient, url: str, format: str, width: int, expected: tuple[int, int]
):
    answer = client.get(f"{url}?format={format}&width={width}")
    assert answer.content_type == f"image/{format}"
    with Image.open(io.BytesIO(answer.data)) as picture:
        assert picture.size == expected
        assert picture.format == format.upper()


def test_transparency_is_white_in_a_jpeg(client: FlaskClient, store: ImageStore):
    image = image_id(new_job_id(), 0)
    store.put(image, png(color="#ff000000", mode="RGBA"))
    answer = client.get(f"{API}/images/{image}?format=jpeg")
    with Image.open(io.BytesIO(answer.data)) as picture:
        assert picture.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(
    "query",
    ["width=0", "width=-1", "width=4096", "width=x", "format=gif", "format=", "download=maybe"],
)
def test_a_rendition_that_does_not_exist_is_refused(client: FlaskClient, url: str, query: str):
    answer = client.get(f"{url}?{query}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == f"/{query.split('=')[0]}"


def test_a_download_has_a_name_that_fits_its_format(client: FlaskClient, url: str, image: str):
    answer = client.get(f"{url}?download=1&format=jpeg")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="darkroom-{image}.jpg"'
    assert client.get(url).headers["Content-Disposition"].startswith("inline")


@pytest.mark.parametrize(
    "image", ["x", "..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "0" * 32 + "-0", "%00"]
)
def test_what_is_no_picture_is_404(client: FlaskClient, image: str):
    assert client.get(f"{API}/images/{image}").status_code == 404


@pytest.fixture
def signer(app: Flask) -> Signer:
    with app.app_context():
        return current_signer()


class TestSignature:
    def test_a_signed_url_opens_its_picture_in_every_form(
        self, signer: Signer, client: FlaskClient, url: str, image: str
    ):
        query = signer.query(image)
        assert client.get(f"{url}?{query}").status_code == 200
        assert client.get(f"{url}?{query}&format=webp&width=16").status_code == 200

    @pytest.mark.parametrize("change", ["signature", "expires", "image", "half"])
    def test_a_url_that_was_changed_opens_nothing(
        self, signer: Signer, client: FlaskClient, url: str, image: str, change: str
    ):
        other = image[:-1] + "1"
        signed = signer.query(other if change == "image" else image)
        expires, signature = (part.split("=")[1] for part in signed.split("&"))
        if change == "signature":
            signature = ("0" if signature[0] != "0" else "1") + signature[1:]
        if change == "expires":
            expires = str(int(expires) + 1)
        query = f"expires={expires}&signature={signature}"
        answer = client.get(f"{url}?{query if change != 'half' else f'expires={expires}'}")
        assert answer.status_code == 403

    def test_a_url_ends_when_it_says_so(self, redis: Redis):
        signer = Signer(redis, lifetime=-2 * DAY)
        expires, signature = (part.split("=")[1] for part in signer.query("x").split("&"))
        assert int(expires) < time.time()
        assert not signer.allows("x", int(expires), signature)

    def test_a_url_stays_the_same_for_a_day_and_lasts_its_lifetime(
        self, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ):
        signer = Signer(redis, lifetime=3600)
        day = 20_000 * DAY
        urls: list[str] = []
        for second in range(1, DAY - 3600, 3000):
            monkeypatch.setattr("server.door.signing.time.time", lambda now=day + second: now)
            urls.append(signer.query("x"))
            assert int(urls[-1].split("&")[0].split("=")[1]) >= day + second + 3600
        assert len(set(urls)) == 1

    @pytest.mark.parametrize("signature", ["", ".", "é", "\ud800", "=" * 43, "A" * 43, "A" * 128])
    def test_what_is_no_signature_opens_nothing(self, redis: Redis, signature: str):
        assert not Signer(redis, 3600).allows("x", int(time.time()) + 60, signature)

    def test_all_replicas_sign_alike(self, redis: Redis):
        assert Signer(redis, 3600).query("x") == Signer(redis, 3600).query("x")

    def test_a_url_stays_good_where_redis_was_emptied(
        self, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ):
        signers = [Signer(redis, 3600) for _ in range(2)]
        [url] = {signer.query("x") for signer in signers}
        expires, signature = (part.split("=")[1] for part in url.split("&"))
        redis.flushall()
        # One replica reads the secret again before the other does.
        monkeypatch.setattr("server.door.signing.REFRESH", 0)
        assert [signer.allows("x", int(expires), signature) for signer in signers] == [True, True]
        assert {signer.query("x") for signer in [*signers, Signer(redis, 3600)]} == {url}

    def test_replicas_agree_on_what_is_there_after_a_restored_backup(
        self, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ):
        signers = [Signer(redis, 3600) for _ in range(2)]
        [before] = {signer.query("x") for signer in signers}
        redis.set(SECRET, "of the backup")
        monkeypatch.setattr("server.door.signing.REFRESH", 0)
        [after] = {signer.query("x") for signer in signers}
        assert after != before

    def test_a_url_opens_its_picture_while_redis_is_away(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        with RedisServer(tmp_path / "redis") as own:
            signer = Signer(connect(own.url, retries=0), 3600)
            expires, signature = (part.split("=")[1] for part in signer.query("x").split("&"))
        monkeypatch.setattr("server.door.signing.REFRESH", 0)
        assert signer.allows("x", int(expires), signature)


class TestRenditions:
    def test_a_rendition_is_made_once(self, store: ImageStore, image: str):
        renditions = Renditions(store)
        first = renditions.get(image, "webp", 32)
        assert renditions.get(image, "webp", 32) is first

    def test_a_rendition_is_gone_with_its_picture(self, store: ImageStore, image: str):
        renditions = Renditions(store)
        renditions.get(image, "webp", 32)
        store.delete(image)
        with pytest.raises(FileNotFoundError):
            renditions.get(image, "webp", 32)

    def test_what_is_kept_is_bounded(
        self, store: ImageStore, image: str, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(renditions, "CACHE_BYTES", 5000)
        kept = Renditions(store)
        for width in range(1, 64):
            kept.get(image, "jpeg", width)
        assert 0 < kept.kept_bytes <= 5000
