"""A chart of lines or bars as SVG, in colours that hold on light and on dark ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 40, 48

COLOURS = ("#2a7de1", "#d9822b", "#2e9e5b", "#c2185b", "#7b61c9")
"""Each line's, told apart by people who see few colours: they differ in lightness too."""

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #444 }
.title { font-size: 14px; font-weight: 600 }
.grid { stroke: #8884; stroke-width: 1 }
@media (prefers-color-scheme: dark) { text { fill: #ccc } }
"""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """What is on it; `log` where tens are as far apart as hundreds."""

    name: str
    log: bool = False

    def ticks(self, low: float, high: float) -> list[float]:
        """Round numbers from about `low` to about `high`."""
        if self.log:
            return [10.0**power for power in range(floor(log10(low)), ceil(log10(high)) + 1)]
        step = 10 ** floor(log10(high / 4 or 1))
        step = next(step * each for each in (1, 2, 5, 10) if high / (step * each) <= 6)
        return [step * number for number in range(ceil(high / step) + 1)]

    def at(self, value: float, ticks: Sequence[float]) -> float:
        """Where a value is between the first tick, 0, and the last, 1."""
        if self.log:
            return log10(value / ticks[0]) / max(1e-9, log10(ticks[-1] / ticks[0]))
        return (value - ticks[0]) / (ticks[-1] - ticks[0])


def lines(title: str, across: Axis, up: Axis, series: Mapping[str, Points]) -> str:
    """A line for each series, its name at its end. One without points keeps its colour free."""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    x_ticks, y_ticks = across.ticks(min(xs), max(xs)), up.ticks(min(ys), max(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        left = LEFT + across.at(x, x_ticks) * (WIDTH - LEFT - RIGHT)
        return left, HEIGHT - BOTTOM - up.at(y, y_ticks) * (HEIGHT - TOP - BOTTOM)

    drawn = _frame(title, up, y_ticks, lambda y: place(x_ticks[0], y)[1])
    for tick in x_ticks:
        drawn.append(_text(place(tick, y_ticks[0])[0], HEIGHT - BOTTOM + 18, said(tick), "middle"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    drawn.append(_text(middle, HEIGHT - 8, across.name, "middle"))
    ends: list[float] = []
    for colour, (name, points) in zip(COLOURS, series.items(), strict=False):
        if not points:
            continue
        places = [place(x, y) for x, y in sorted(points)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        end = _apart(places[-1][1] + 4, ends)
        ends.append(end)
        drawn.append(
            f'<circle cx="{WIDTH - RIGHT + 12}" cy="{end - 4:.1f}" r="4" fill="{colour}"/>'
        )
        drawn.append(_text(WIDTH - RIGHT + 22, end, name))
    return _file(drawn)


def bars(title: str, up: Axis, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Bars side by side for each group, with their values over them."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    ticks = up.ticks(0, max(value for group in groups.values() for value in group.values()))
    room = (WIDTH - LEFT - RIGHT) / len(groups)
    wide = room * 0.8 / len(names)

    def height(value: float) -> float:
        return HEIGHT - BOTTOM - up.at(value, ticks) * (HEIGHT - TOP - BOTTOM)

    drawn = _frame(title, up, ticks, height)
    for number, (group, values) in enumerate(groups.items()):
        left = LEFT + number * room + room * 0.1
        drawn.append(_text(left + room * 0.4, HEIGHT - BOTTOM + 18, group, "middle"))
        for index, name in enumerate(names):
            if name not in values:
                continue
            x, y = left + index * wide, height(values[name])
            size = f'width="{wide - 2:.1f}" height="{HEIGHT - BOTTOM - y:.1f}"'
            drawn.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{COLOURS[index]}"/>')
            drawn.append(_text(x + wide / 2, y - 4, said(values[name]), "middle"))
    for index, name in enumerate(names):
        y = TOP + 20 * index
        drawn.append(
            f'<circle cx="{WIDTH - RIGHT + 12}" cy="{y - 4}" r="4" fill="{COLOURS[index]}"/>'
        )
        drawn.append(_text(WIDTH - RIGHT + 22, y, name))
    return _file(drawn)


def said(value: float) -> str:
    """A number as short as it can be read."""
    if value >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _apart(wanted: float, taken: Sequence[float]) -> float:
    """The height for a name, where no other stands."""
    while any(abs(wanted - each) < 15 for each in taken):
        wanted += 5
    return wanted


def _frame(title: str, up: Axis, ticks: Sequence[float], height: object) -> list[str]:
    at = height
    assert callable(at)
    drawn = [f'<text x="{LEFT}" y="20" class="title">{escape(title)}</text>']
    for tick in ticks:
        y = at(tick)
        drawn.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        drawn.append(_text(LEFT - 8, y + 4, said(tick), "end"))
    turned = f'transform="rotate(-90 14 {HEIGHT / 2})"'
    drawn.append(
        f'<text x="14" y="{HEIGHT / 2}" text-anchor="middle" {turned}>{escape(up.name)}</text>'
    )
    return drawn


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _file(drawn: Sequence[str]) -> str:
    inside = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">\n'
        f"<style>{STYLE}</style>\n{inside}\n</svg>\n"
    )
