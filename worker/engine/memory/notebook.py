"""What was measured on this machine, kept on disk: a worker that starts again knows it already."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

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

    def read(self) -> tuple[dict[ForwardShape, int], dict[ForwardShape, int]]:
        """What is known of this device: rows a forward, and bytes a row, by shape."""
        rows: dict[ForwardShape, int] = {}
        sizes: dict[ForwardShape, int] = {}
        with suppress(TypeError, KeyError, ValueError, AttributeError):
            for entry in read_notes(self._path).get(self._device, []):
                shape = _shape(entry["shape"])
                if entry.get("rows"):
                    rows[shape] = int(entry["rows"])
                if entry.get("bytes"):
                    sizes[shape] = int(entry["bytes"])
        return rows, sizes

    def write(self, rows: dict[ForwardShape, int], sizes: dict[ForwardShape, int]) -> None:
        """Keeps these for the next start, beside what other devices wrote."""
        shapes = sorted({*rows, *sizes}, key=repr)
        page = [
            {"shape": asdict(shape), "rows": rows.get(shape), "bytes": sizes.get(shape)}
            for shape in shapes
        ]
        add_notes(self._path, {self._device: page})


def _shape(fields: dict[str, Any]) -> ForwardShape:
    inputs = tuple((str(name), tuple(map(int, sizes))) for name, sizes in fields["inputs"])
    return ForwardShape(
        model=str(fields["model"]),
        height=int(fields["height"]),
        width=int(fields["width"]),
        inputs=inputs,
        controls=tuple(map(str, fields["controls"])),
    )
