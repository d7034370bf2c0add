"""Speed, memory and sameness, measured within one run; and a gallery of what comes out."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def save(result: dict[str, Any], file: Path) -> None:
    """Keeps what was measured as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=2) + "\n")
