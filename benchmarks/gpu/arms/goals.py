"""What was set out to be reached on a card, and whether it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def goals(result: Mapping[str, Any], sides: Mapping[str, int]) -> list[dict[str, Any]]:
    """Each goal with what is there in the report; `met` is None where it was not measured, or
    where its rounds, which are `between` then, do not tell."""
    sd1 = result.get("arms", {}).get(f"sd1 {sides['sd1']}", {})
    sdxl = result.get("arms", {}).get(f"sdxl {sides['sdxl']}", {})
    mixed = result.get("mixed", {}).get(f"sd1 {sides['sd1']}", {})
    many, one = sd1.get("ours 32"), sd1.get("ours 1")
    best = max(
        (each for name, each in sdxl.items() if name.startswith("ours ")),
        key=lambda each: each["share_of_gemm"],
        default=None,
    )
    slow = mixed.get("times_as_long_as_alone", {}).get("p95")
    return [
        _times("SD 1.5, 32 callers: times as many as E", many, sd1.get("E"), least=4),
        _times("SD 1.5, 32 callers: times as many as K", many, sd1.get("K"), least=2),
        _goal("SD 1.5, 32 callers: share of the GEMM peak", _share(many), least=0.4),
        _times("SD 1.5, one caller: times as long as E", sd1.get("E"), one, most=1.02),
        _goal("SDXL: share of the GEMM peak", _share(best), least=0.6),
        _goal("mixed steps at 0.8 of what can be: p95 beside alone", slow, most=2.5),
    ]


def said(goal: Mapping[str, Any]) -> str:
    """In one line."""
    wanted = f"{goal['wanted']} {goal['limit']}"
    if "between" in goal:
        low, high = goal["between"]
        return f"not resolved  {goal['goal']}: {low} to {high} (wanted {wanted})"
    if goal["met"] is None:
        return f"not measured  {goal['goal']} (wanted {wanted})"
    return (
        f"{'met' if goal['met'] else 'NOT MET':12}  {goal['goal']}: {goal['is']} (wanted {wanted})"
    )


def _goal(
    name: str, value: float | None, *, least: float | None = None, most: float | None = None
) -> dict[str, Any]:
    limit = least if least is not None else most
    met = None
    if value is not None and limit is not None:
        met = value >= limit if least is not None else value <= limit
    return {
        "goal": name,
        "is": value,
        "wanted": "at least" if least is not None else "at most",
        "limit": limit,
        "met": met,
    }


def _times(
    name: str,
    of: Mapping[str, Any] | None,
    other: Mapping[str, Any] | None,
    **limit: float,
) -> dict[str, Any]:
    """A goal for the pictures a second of one arm to those of another. Where the rounds say both
    yes and no, or both faster and slower, or one is all there is, it has no number."""
    if of is None or other is None:
        return _goal(name, None, **limit)
    low = other["from_to"][0] / of["from_to"][1]
    high = other["from_to"][1] / of["from_to"][0]
    noise = any(low < each < high for each in (1.0, *limit.values()))
    if noise or min(of["rounds"], other["rounds"]) < 2:
        return _goal(name, None, **limit) | {"between": [round(low, 3), round(high, 3)]}
    return _goal(name, round(of["pictures_a_second"] / other["pictures_a_second"], 3), **limit)


def _share(of: Mapping[str, Any] | None) -> float | None:
    return None if of is None else of["share_of_gemm"]
