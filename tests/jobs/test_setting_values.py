"""A value of a setting that cannot be meant ends the start; it is not found out later."""

from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from jobs.settings import Settings
from tests.running.processes.program import run_text


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ALLOWED_HOSTS", "http://pictures.example", "http://pictures.example is no host name"),
        ("ALLOWED_HOSTS", "pictures.example:7860", "without a port"),
        ("WEBHOOK_ALLOW", "192.168.1.0/33", "192.168.1.0/33 is neither a network"),
        ("DOWNLOAD_ALLOW", "http://10.0.0.6", "nor a host name"),
        ("DOWNLOAD_ALLOW", "300.1.1.1", "nor a host name"),
        ("HF_ENDPOINT", "mirror.example", "http:// or https:// and a host"),
        ("CIVITAI_URL", "ftp://mirror.example", "http:// or https:// and a host"),
        ("S3_ENDPOINT", "10.0.0.6:9000", "http:// or https:// and a host"),
        ("IMAGE_STORE", "foo://bucket", "foo://"),
        ("IMAGE_STORE", "s3://", "must name a bucket"),
        ("REDIS_URL", "10.0.0.5:6379", "redis://"),
        ("REDIS_URL", "redis://10.0.0.5:99999/0", "Port out of range 0-65535"),
        ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("MODEL_TURN", "inf", "finite"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError) as refused:
        Settings()

    (error,) = refused.value.errors()
    assert str(error["loc"][0]).upper() == name
    assert reason in error["msg"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_HOSTS", ".example.org, büro.local, host_1, 10.0.0.1"),
        ("WEBHOOK_ALLOW", "192.168.1.20,10.0.0.0/8,fe80::/10,ntfy.lan."),
        ("HF_ENDPOINT", "https://mirror.example:8443/hub/"),
        ("IMAGE_STORE", "s3://bucket/darkroom"),
        ("IMAGE_STORE", "/mnt/pictures"),
        ("REDIS_URL", "rediss://:secret@10.0.0.5:6380/0?ssl_ca_certs=/etc/ca.pem"),
        ("REDIS_URL", "redis+sentinel://:secret@one:26379,two:26379/NAME/0"),
        ("LOG_LEVEL", "debug"),
    ],
)
def test_what_can_be_meant_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    Settings()


def test_a_refusal_has_no_password_in_it() -> None:
    wrong = {**os.environ, "REDIS_URL": "http://:secret@10.0.0.5:6379/0"}
    ended = run_text("darkroom", "settings", environment=wrong)

    assert ended.returncode == 2
    assert "REDIS_URL=http://...@10.0.0.5:6379/0 does not fit: it must begin with" in ended.stderr
    assert "secret" not in ended.stderr
