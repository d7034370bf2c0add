"""What a worker keeps on disk for its next start: notes in one file, and folders of bounded size.

Workers of one machine share both. Nothing fails for want of them.
"""

import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

log = logging.getLogger(__name__)


def read_notes(path: Path) -> dict[str, Any]:
    """What the JSON file says; nothing where it cannot be read."""
    try:
        notes: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", notes) if isinstance(notes, dict) else {}


def add_notes(path: Path, more: dict[str, Any]) -> None:
    """Puts these beside what the JSON file says, in the place of what has the same keys."""
    temporary = path.with_suffix(f".{os.getpid()}.part")
    try:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(read_notes(path) | more, indent=1), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        log.warning("what was measured could not be kept: %s", error)
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def make_room(folder: Path, pattern: str, most: int) -> None:
    """Removes, of the files that the pattern names, those not used for longest until they take at
    most so many bytes together."""
    files: list[tuple[float, int, Path]] = []
    with suppress(OSError):
        for file in folder.glob(pattern):
            # Another worker may take it away meanwhile.
            with suppress(OSError):
                about = file.stat()
                files.append((about.st_mtime, about.st_size, file))
    used = sum(size for _, size, _ in files)
    for _, size, file in sorted(files):
        if used <= most:
            return
        file.unlink(missing_ok=True)
        used -= size
