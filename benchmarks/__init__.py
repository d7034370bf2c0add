"""Speed, memory and sameness, measured within one run; and a gallery of what comes out."""

import json
import os
import platform
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def save(result: dict[str, Any], file: Path) -> None:
    """Keeps what was measured as JSON: the whole of it, or what was there before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_name(f"{file.name}.part")
    written.write_text(json.dumps(result, indent=2) + "\n")
    written.replace(file)


def machine() -> dict[str, Any]:
    """Where something was measured, and how much else went on there."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": round(os.getloadavg()[0], 1),
    }
