"""What a model must reach to be shipped: a training that falls below fails its command."""

# A little under what the model that ships has: figures of another seed differ by as much.
REQUIRED = {
    "top1": 0.83,
    "top5": 0.88,
    "psnr_db": 28.0,
    "colour_words": 0.95,
    "held_out.singles_top1": 0.95,
    "held_out.thing_and_colour": 0.70,
    "held_out.thing_and_number": 0.64,
    "held_out.both_of_a_pair": 0.80,
    "held_out.sentences_read_top5": 0.88,
    "held_out.typos_read_top5": 0.90,
    "held_out.vietnamese_read_top5": 0.95,
}


def shortfalls(figures: dict, required: dict[str, float]) -> list[str]:
    """A sentence for every figure that is below what is required of it, or was not measured.

    `held_out.thing_and_colour` names a figure inside another.
    """
    found = {name: look_up(figures, name) for name in required}
    return [
        f"{name} is {found[name]}, but at least {least} is required"
        for name, least in required.items()
        if (value := found[name]) is None or value < least
    ]


def look_up(figures: dict, name: str) -> float | None:
    """A figure by its dotted name; None where it is not there."""
    value = figures
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, int | float) else None
