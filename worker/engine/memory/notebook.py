"""What was measured on this machine, kept on disk: a worker that starts again knows it already."""

import math
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from worker.engine.ground.disk import add_notes, read_notes
from worker.engine.memory.footprint import ForwardShape


class Notebook:
    """Rows a forward and bytes a row by shape, one page a device, in one JSON file.

    Workers of one machine share the file; the last to write a shape wins, and whoever finds it
    unreadable measures anew. Nothing fails for want of it.
    """

    def __init__(self, path: Path, device: str) -> None:
        self._path = path
        self._device = device

    def read(self, most: int) -> tuple[dict[ForwardShape, int], dict[ForwardShape, int]]:
        """What is known of this device: rows a forward, where `most` were allowed, and bytes a row,
        by shape."""
        rows: dict[ForwardShape, int] = {}
        sizes: dict[ForwardShape, int] = {}
        page = read_notes(self._path).get(self._device)
        for entry in cast("list[Any]", page) if isinstance(page, list) else []:
            # What cannot have been measured is measured anew, whatever stands beside it.
            with suppress(TypeError, KeyError, ValueError, OverflowError):
                shape = _shape(entry["shape"])
                if entry["bytes"] is not None:
                    sizes[shape] = _positive(entry["bytes"])
                # Where fewer were allowed, that ended it; where more were, it says too much.
                if entry["rows"] is not None and entry["most"] == most:
                    rows[shape] = _positive(entry["rows"])
        return rows, sizes

    def write(
        self, rows: dict[ForwardShape, int], sizes: dict[ForwardShape, int], most: int
    ) -> None:
        """Keeps these for the next start, beside what other devices wrote."""
        shapes = sorted({*rows, *sizes}, key=repr)
        page = [
            {
                "shape": asdict(shape),
                "rows": rows.get(shape),
                "most": most,
                "bytes": sizes.get(shape),
            }
            for shape in shapes
        ]
        add_notes(self._path, {self._device: page})


def _shape(fields: dict[str, Any]) -> ForwardShape:
    inputs = tuple((str(name), tuple(map(int, sizes))) for name, sizes in fields["inputs"])
    return ForwardShape(
        model=str(fields["model"]),
        height=_positive(fields["height"]),
        width=_positive(fields["width"]),
        inputs=inputs,
        steered=bool(fields["steered"]),
    )


def _positive(number: Any) -> int:
    if not 0 < number < math.inf:
        raise ValueError("is not above 0")
    return math.ceil(number)
