"""Looks up every locked package among the known vulnerabilities: `make audit`.

Ends with 1 where a vulnerability is found, and with 0, saying so, where the registry does not tell.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LOCKS = ("server.txt", "worker.txt", "torch.txt", "openvino.txt", "dev.txt")
SECONDS = 300
SHOWN = 8
"""Names of packages that are shown where there are many."""


def main() -> int:
    """Audit the locks."""
    found = 0
    for lock in LOCKS:
        packages = _packages(HERE / lock)
        if isinstance(packages, str):
            print(f"{lock}: not audited, the registry does not answer: {packages}")
            continue
        asked = [each for each in packages if "skip_reason" not in each]
        silent = [each["name"] for each in packages if "skip_reason" in each]
        bad = [each for each in asked if each["vulns"]]
        if not asked:
            print(f"{lock}: not audited, the registry tells nothing of its {len(silent)} packages")
            continue
        print(f"{lock}: {len(asked)} of {len(packages)} packages audited, {len(bad)} vulnerable")
        if silent:
            more = f" and {len(silent) - SHOWN} more" if len(silent) > SHOWN else ""
            print(f"  the registry tells nothing of {', '.join(silent[:SHOWN])}{more}")
        for each in bad:
            for flaw in each["vulns"]:
                fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
                names = " ".join([flaw["id"], *flaw["aliases"]])
                print(f"  {each['name']} {each['version']}: {names}; fixed in {fixed}")
        found += len(bad)
    return 1 if found else 0


def _packages(lock: Path) -> list[dict[str, Any]] | str:
    """The packages of a lock with their vulnerabilities; a text says why there is no answer."""
    command = ["-r", str(lock), "--no-deps", "--disable-pip", "--format", "json"]
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "pip_audit", *command, "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"nothing came for {SECONDS} s"
    try:
        return json.loads(answer.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = answer.stderr.strip().splitlines()
        return lines[-1][:200] if lines else f"pip-audit ended with {answer.returncode}"


if __name__ == "__main__":
    sys.exit(main())
