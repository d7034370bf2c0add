"""How a long prompt is cut into windows of the text encoder's size."""

from collections.abc import Sequence
from dataclasses import dataclass

# AUTOMATIC1111 goes back to a comma among the last 20 of a window's 75 tokens.
COMMA_REACH, OF_WINDOW = 20, 75


@dataclass(frozen=True)
class Tokens:
    """Tokens of one weight; those that are `together` are never cut apart."""

    ids: Sequence[int]
    weight: float = 1.0
    together: bool = False


@dataclass(frozen=True)
class Window:
    """What one pass of the text encoder reads, without begin, end and padding."""

    ids: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()

    @property
    def weighted(self) -> bool:
        return any(weight != 1.0 for weight in self.weights)


def cut(parts: Sequence[Tokens], size: int, comma: int | None) -> list[Window]:
    """The parts in windows of at most `size` tokens, as AUTOMATIC1111 cuts them.

    A window that is full ends behind its last comma (the token `comma`), if that is near its end,
    so that a phrase stays together; what stood behind the comma opens the next window. Nothing is
    dropped; no parts are no windows. No `together` part may be longer than `size`.
    """
    cutter = _Cutter(size, comma)
    for part in parts:
        if part.together:
            cutter.add(part.ids, part.weight)
        else:
            for token in part.ids:
                cutter.add((token,), part.weight)
    return cutter.finish()


class _Cutter:
    def __init__(self, size: int, comma: int | None) -> None:
        self._size = size
        self._comma = comma
        self._reach = size * COMMA_REACH // OF_WINDOW
        self._windows: list[Window] = []
        self._ids: list[int] = []
        self._weights: list[float] = []
        self._after_comma = 0

    def add(self, ids: Sequence[int], weight: float) -> None:
        is_comma = len(ids) == 1 and ids[0] == self._comma
        if len(self._ids) + len(ids) > self._size:
            behind = len(self._ids) - self._after_comma
            near = self._after_comma and behind < self._reach
            keep = near and not is_comma and behind + len(ids) <= self._size
            self._close(self._after_comma if keep else len(self._ids))
        self._ids += ids
        self._weights += [weight] * len(ids)
        if is_comma:
            self._after_comma = len(self._ids)

    def finish(self) -> list[Window]:
        if self._ids:
            self._close(len(self._ids))
        return self._windows

    def _close(self, end: int) -> None:
        self._windows.append(Window(tuple(self._ids[:end]), tuple(self._weights[:end])))
        self._ids = self._ids[end:]
        self._weights = self._weights[end:]
        self._after_comma = 0
