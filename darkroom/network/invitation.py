"""What a terminal shows to a device that is to come in: a QR code, an address, a code."""

from __future__ import annotations

import shutil
import sys

from redis import Redis

from darkroom.network import qr, tls
from jobs.devices import CODE_SECONDS, new_code, pairing_url
from jobs.settings import Settings
from jobs.whereabouts import here
from jobs.whereabouts.here import addresses

OPEN = (
    "WARNING: OPEN lets everybody who reaches this machine make pictures here, and see and delete "
    "those of everybody. There is no token and no password."
)


def welcome(chosen: Settings, redis: Redis) -> str:
    """Where the network finds this server, and how its devices come in. Raises RedisError."""
    bases = addresses(chosen)
    lines = [f"  on this network: {base}" for base in bases]
    if bases and chosen.open:
        lines.append(OPEN)
    elif bases:
        lines += ["", invitation(chosen, new_code(redis), bases[0])]
        lines.append("  For another device: .venv/bin/darkroom pair")
    return "\n".join(lines)


def invitation(chosen: Settings, code: str, base: str) -> str:
    """The QR code, the pairing URL and the code, as text for this process's output."""
    authority = here.fingerprint(chosen.tls_folder) if chosen.tls else None
    columns = shutil.get_terminal_size((100, 24)).columns
    drawn = qr.draw_for(sys.stdout, pairing_url(base, code, authority), columns)
    text = (
        f"{drawn}\n  {pairing_url(base, code)}\n\n"
        f"  Scan or open it to pair one device within {CODE_SECONDS // 60} minutes. "
        f"The code is {code[:4]}-{code[4:]}.\n"
    )
    if authority:
        text += (
            f"  First the device has to trust {base}/ca.crt: docs/security.md says how.\n"
            f"  SHA-256 {tls.shown_fingerprint(chosen.tls_folder)}\n"
        )
    return text
