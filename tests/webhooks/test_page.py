"""What docs/api.md says of webhooks is so."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from standardwebhooks import Webhook, WebhookVerificationError

from jobs.webhooks import messages
from tests.running.paths import REPOSITORY


def verify_as_documented(secret: str, body: bytes, headers: dict[str, str]) -> object:
    page = (REPOSITORY / "docs" / "api.md").read_text()
    [block] = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {"secret": secret, "body": body, "headers": headers}
    exec(block, names)
    return names["message"]


def test_the_three_lines_verify_what_is_signed_here_and_nothing_else(redis: Redis):
    secret = messages.secret(redis, "local")
    body = '{"type": "job.done", "prompt": "Äpfel"}'.encode()
    headers = messages.sign(secret, "msg_1", body)
    assert verify_as_documented(secret, body, headers) == {"type": "job.done", "prompt": "Äpfel"}
    changed = headers | {"webhook-id": "msg_2"}
    old = datetime.now(UTC) - timedelta(minutes=6)
    late = headers | {
        "webhook-timestamp": str(int(old.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", old, body.decode()),
    }
    for wrong, sent in ((headers, body + b" "), (changed, body), (late, body)):
        with pytest.raises(WebhookVerificationError):
            verify_as_documented(secret, sent, wrong)


def test_each_owner_has_a_secret_of_his_own_that_stays_the_same(redis: Redis):
    secrets = {owner: messages.secret(redis, owner) for owner in ("local", "anna", "ben")}
    assert len(set(secrets.values())) == 3
    assert {owner: messages.secret(redis, owner) for owner in secrets} == secrets
    assert all(each.startswith("whsec_") for each in secrets.values())
