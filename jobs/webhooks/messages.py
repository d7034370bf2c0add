"""What a webhook says and how it proves who sent it (standardwebhooks.com)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from email.header import Header
from typing import Any

from redis import Redis
from standardwebhooks import Webhook as Signature

from jobs.outbound.targets import Allowed, Refused, check
from jobs.request.fields.parts import Webhook
from jobs.request.request import FieldError, InvalidRequest
from jobs.settings import settings
from jobs.shared_secret import shared_secret

SECRET = "darkroom:webhooks:secret"

MESSAGE = 200
"""Characters of a prompt in a message for a phone, which shows fewer."""


def secret(connection: Redis, owner: str) -> str:
    """The secret that signs the webhooks of one owner's jobs, made from the server's own.

    One for each owner: who knows his own cannot pass himself off as the server to others.
    """
    server = shared_secret(connection, SECRET)
    made = hmac.new(server, f"webhooks of {owner}".encode(), hashlib.sha256)
    return "whsec_" + base64.b64encode(made.digest()).decode()


def sign(secret: str, message_id: str, body: bytes) -> dict[str, str]:
    """The headers that sign a body: id, time and signature."""
    now = datetime.now(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Signature(secret).sign(message_id, now, body.decode()),
    }


def check_receiver(webhook: Webhook) -> None:
    """Raise InvalidRequest where a request's webhook is none that this server may call."""
    try:
        check(webhook.url, allowed())
    except Refused as error:
        raise InvalidRequest([FieldError(pointer="/webhook/url", detail=str(error))]) from None


def allowed() -> Allowed:
    """The receivers that the operator allows beyond the public internet."""
    return Allowed.parse(settings().webhook_allow)


def ntfy(event: dict[str, Any], job: dict[str, Any], base: str) -> tuple[bytes, dict[str, str]]:
    """The event as ntfy's publish request has it: a message, and headers about it."""
    title, tag, priority = _words(event, job)
    prompt = str(job["input"]["prompt"])
    text = prompt[:MESSAGE] + ("…" if len(prompt) > MESSAGE else "")
    if job["error"] and event["event"] == "done":
        text = f"{job['error']['detail']}\n{text}"
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "Title": Header(title, "utf-8").encode(),
        "Tags": tag,
        "Priority": priority,
        "Click": f"{base}/",
    }
    pictures = [event["output"]] if event["event"] == "output" else job["outputs"]
    if pictures:
        headers |= {"Attach": pictures[0]["url"], "Filename": f"{pictures[0]['id']}.png"}
    return (text or title).encode(), headers


def _words(event: dict[str, Any], job: dict[str, Any]) -> tuple[str, str, str]:
    match event["event"], event.get("status"):
        case "done", "succeeded":
            count = len(job["outputs"])
            return ("Picture ready" if count == 1 else f"{count} pictures ready"), "art", "default"
        case "done", "failed":
            return "Picture failed", "warning", "high"
        case "done", _:
            return "Picture canceled", "x", "low"
        case "output", _:
            return "A picture is ready", "art", "default"
        case _, status:
            return f"Job {status}", "hourglass", "min"
