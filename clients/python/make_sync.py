"""Makes the client for programs that do one thing after the other of the one for asyncio.

    python clients/python/make_sync.py

Both have the same methods and say the same of them; what waits is all that differs.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "src" / "darkroom_client"
ASYNC = PACKAGE / "asynchronous.py"
SYNC = PACKAGE / "sync.py"

HEAD = '''\
"""The client for programs that do one thing after the other.

Made of `asynchronous.py` by `make_sync.py`: change that one, and make this one anew.
"""
'''

CHANGES = [
    (r'\A""".*?"""\n', HEAD),
    (r", for asyncio\b", ""),
    (r"\basync (def|for|with)\b", r"\1"),
    (r"\bawait ", ""),
    (r", anyio\.CancelScope\(shield=True\)|\bimport anyio\n", ""),
    (r"\basyncio\.to_thread\(([\w.]+), ", r"\1("),
    (r"\basyncio\b", "time"),
    (r"\b__a(enter|exit)__\b", r"__\1__"),
    (r"\bAsync(Client|Darkroom|Generator|Iterator)\b", r"\1"),
    (r"\ba(close|closing|iter_lines|read)\b", r"\1"),
]

LINT = ["check", "--quiet", "--fix", "--unsafe-fixes", "--select", "I,UP028"]


def synchronous(text: str) -> str:
    """The same module without asyncio."""
    for found, instead in CHANGES:
        text = re.sub(found, instead, text, flags=re.DOTALL)
    for command in (LINT, ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(SYNC), "-"]
        text = subprocess.run(ruff, input=text, check=True, capture_output=True, text=True).stdout
    return text


if __name__ == "__main__":
    SYNC.write_text(synchronous(ASYNC.read_text()))
