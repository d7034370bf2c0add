"""Devices that may call, and the codes by which new ones come in: hashed tokens in Redis."""

from __future__ import annotations

import hmac
import json
import re
import secrets
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal, cast, get_args

from redis import Redis
from redis.typing import EncodableT, FieldT

Role = Literal["user", "admin"]
"""A user sees and ends what is his own, an admin everything."""

Kind = Literal["token", "paired", "browser"]
"""How it came in: a token made by hand, an app that was paired, a browser that was paired."""

LOCAL = "local"
"""The owner of whatever is made on the machine itself."""

PREFIX = "dk_"
"""What every token begins with, so that people and secret scanners know one when they see it."""

DEVICES = "darkroom:devices"
UNSEEN = 400 * 24 * 3600
"""Seconds without a call after which a device is forgotten: as long as browsers keep a cookie."""

SEEN_EVERY = timedelta(minutes=1)
"""How exact `last_seen` is: one write a minute, not one a request."""

MAX_NAME = 60
OWNER = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
"""What an owner may be called: it is a part of Redis' keys and channels."""

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of pairing codes: no 0 or O, 1, I or L, and no U, which looks like V when written by hand."""

CODE_LENGTH = 8
"""30**8 codes: five tries a minute for ten minutes guess one with a chance of one in 10**10."""

CODE_SECONDS = 600

# A device that was revoked meanwhile must not come back as half a record.
_TOUCH = """
if redis.call('EXISTS', KEYS[1]) == 0 then return end
redis.call('HSET', KEYS[1], 'seen', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


class BadDevice(ValueError):
    """The caller gets 422: this name, role or owner cannot be a device's; it says why."""


@dataclass(frozen=True)
class Device:
    """One device: whose it is and what it may do."""

    id: str
    name: str
    role: Role
    owner: str
    created_at: datetime
    last_seen: datetime | None
    kind: Kind


def create(
    redis: Redis, name: str, role: Role = "user", owner: str | None = None, kind: Kind = "token"
) -> tuple[Device, str]:
    """A new device and its token, which is told this once; Redis keeps only its hash.

    Without an owner it is one of its own: what it makes, no other user sees. Raises BadDevice.
    """
    name, token = checked_name(name), PREFIX + secrets.token_urlsafe(32)
    if role not in get_args(Role):
        raise BadDevice(f"role must be user or admin; it is {role!r}")
    if owner is not None and not OWNER.fullmatch(owner):
        raise BadDevice(
            "owner must be 1 to 32 of a-z, 0-9, - and _, beginning with a letter or digit"
        )
    digest = _digest(token)
    device_id = _id(digest)
    device = Device(device_id, name, role, owner or device_id, _now(), None, kind)
    fields: dict[FieldT, EncodableT] = {
        "token": digest,
        "name": name,
        "role": role,
        "owner": device.owner,
        "kind": kind,
        "created": device.created_at.isoformat(),
    }
    with redis.pipeline() as pipe:
        pipe.hset(_key(device_id), mapping=fields)
        pipe.expire(_key(device_id), UNSEEN)
        pipe.sadd(DEVICES, device_id)
        pipe.execute()
    return device, token


def find(redis: Redis, token: str) -> Device | None:
    """The device that this token is of; None if it is nobody's, or was revoked."""
    if not token.startswith(PREFIX):
        return None
    digest = _digest(token)
    raw = cast("dict[bytes, bytes]", redis.hgetall(_key(_id(digest))))
    # The id is known to others and leads here; only the whole hash opens.
    if not hmac.compare_digest(raw.get(b"token", b""), digest.encode()):
        return None
    return _device(_id(digest), raw)


def get(redis: Redis, device_id: str) -> Device | None:
    """The device of this id; None where there is none, or none any more."""
    return _device(device_id, cast("dict[bytes, bytes]", redis.hgetall(_key(device_id))))


def exists(redis: Redis, device_id: str) -> bool:
    """Whether this device may still come in."""
    return bool(redis.exists(_key(device_id)))


def existing(redis: Redis, device_ids: Collection[str]) -> set[str]:
    """Those of these devices that may still come in, in one round trip."""
    with redis.pipeline(transaction=False) as pipe:
        for device_id in device_ids:
            pipe.exists(_key(device_id))
        found = zip(device_ids, cast("list[int]", pipe.execute()), strict=True)
    return {device_id for device_id, there in found if there}


def list_devices(redis: Redis, owner: str | None = None) -> list[Device]:
    """An owner's devices, or all of them; the newest first."""
    ids = [each.decode() for each in cast("set[bytes]", redis.smembers(DEVICES))]
    with redis.pipeline(transaction=False) as pipe:
        for device_id in ids:
            pipe.hgetall(_key(device_id))
        found = dict(zip(ids, cast("list[dict[bytes, bytes]]", pipe.execute()), strict=True))
    if gone := [device_id for device_id, raw in found.items() if not raw]:
        redis.srem(DEVICES, *gone)
    return _newest_first(
        device
        for device_id, raw in found.items()
        if (device := _device(device_id, raw)) and owner in (None, device.owner)
    )


def revoke(redis: Redis, device_id: str) -> bool:
    """Let a device in no more, from its next request on; False where there was none."""
    with redis.pipeline() as pipe:
        pipe.delete(_key(device_id))
        pipe.srem(DEVICES, device_id)
        return bool(cast("list[int]", pipe.execute())[0])


def touch(redis: Redis, device: Device) -> None:
    """Note that a device was just seen; written at most once a minute."""
    now = _now()
    if device.last_seen is None or now - device.last_seen >= SEEN_EVERY:
        redis.eval(_TOUCH, 1, _key(device.id), now.isoformat(), str(UNSEEN))


def checked_name(name: str) -> str:
    """A device's name as it is kept: composed, without space to spare. Raises BadDevice."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(name) <= MAX_NAME:
        raise BadDevice(f"name must have 1 to {MAX_NAME} characters; it has {len(name)}")
    # Not printable are line breaks and terminal escapes, and what turns the direction of text.
    if not name.isprintable():
        raise BadDevice("name must be printable: no control or invisible characters")
    return name


def new_code(
    redis: Redis,
    *,
    role: Role = "user",
    owner: str | None = None,
    seconds: int = CODE_SECONDS,
    issuer: str | None = None,
) -> str:
    """A code that lets one new device in, within some seconds.

    `owner` is whose the device will be, its own if None; `issuer` the id of the device that asked
    for the code, with which the code goes.
    """
    while True:
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        wish = json.dumps({"role": role, "owner": owner, "issuer": issuer})
        if redis.set(_code_key(code), wish, ex=seconds, nx=True):
            return code


def redeem(redis: Redis, code: str, name: str, kind: Kind = "paired") -> tuple[Device, str] | None:
    """The new device and its token for a code, once; None for a wrong, old or used one.

    Raises BadDevice where the name does not fit; the code is still good then.
    """
    name, code = checked_name(name), plain_code(code)
    if len(code) != CODE_LENGTH:
        return None
    raw = cast("bytes | None", redis.getdel(_code_key(code)))
    if raw is None:
        return None
    wish = cast("dict[str, str | None]", json.loads(raw))
    issuer = wish["issuer"]
    if issuer is not None and not exists(redis, issuer):
        return None
    return create(redis, name, cast("Role", wish["role"]), wish["owner"], kind)


def plain_code(code: str) -> str:
    """A code as it was made, however it was typed: in small letters, in groups, with a dash."""
    return re.sub(r"[\s-]", "", code[:64]).upper()


def pairing_url(base: str, code: str, fingerprint: str | None = None) -> str:
    """What a QR code says: the page that pairs, and the code where no server or log sees it.

    `fingerprint` is the SHA-256 of the certificate authority behind an https address, in base64url,
    so that an app which scans the code knows whom to trust.
    """
    trust = f"&ca={fingerprint}" if fingerprint else ""
    return f"{base.rstrip('/')}/pair#{code}{trust}"


def _device(device_id: str, raw: Mapping[bytes, bytes]) -> Device | None:
    if b"token" not in raw:
        return None
    fields = {name.decode(): value.decode() for name, value in raw.items()}
    return Device(
        id=device_id,
        name=fields["name"],
        role=cast("Role", fields["role"]),
        owner=fields["owner"],
        created_at=datetime.fromisoformat(fields["created"]),
        last_seen=datetime.fromisoformat(fields["seen"]) if "seen" in fields else None,
        kind=cast("Kind", fields["kind"]),
    )


def _newest_first(devices: Iterable[Device]) -> list[Device]:
    return sorted(devices, key=lambda device: (device.created_at, device.id), reverse=True)


def _digest(token: str) -> str:
    # One round is enough for 256 random bits: nobody tries them all.
    return sha256(token.encode(errors="replace")).hexdigest()


def _id(digest: str) -> str:
    # The hash's beginning, so that a token is found in one look-up.
    return digest[:16]


def _key(device_id: str) -> str:
    return f"darkroom:device:{device_id}"


def _code_key(code: str) -> str:
    return f"darkroom:pairing:{sha256(code.encode()).hexdigest()}"


def _now() -> datetime:
    return datetime.now(UTC)
