"""Words beside a reference: such as say nothing, and such as change something about it."""

import torch
from transformers import PreTrainedTokenizerFast

from .. import captions
from ..scenes.colours import COLOURS

END = 3  # the token after the words
NOTHING = ("", "like this", "a picture like this", "something like this", "the same", "this")
COLOUR = ("{}", "in {}", "a {} one", "make it {}")
NUMBER = ("{}", "{} of them", "{} of these")
NUMBERS = ("two", "three")
FLAT = ("flat", "in flat style")
# How often it is a colour and how often a number; else it is the style.
COLOURED, COUNTED = 0.7, 0.2


class Beside:
    """Words beside a reference, as token ids."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast):
        self.tokenizer = tokenizer
        self.empty = captions.encode(tokenizer, list(NOTHING))

    def nothing(self, rows: int, generator: torch.Generator) -> torch.Tensor:
        """Words that say nothing of the picture, [rows, 20]; half of them are none."""
        said = torch.randint(len(self.empty), (rows,), generator=generator)
        said[torch.rand(rows, generator=generator) < 0.5] = 0
        return self.empty[said]

    def change(
        self, name: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Words that change something about a thing, [20], and words that say what it is then:
        "in blue" and "blue rocket", for the `name` "rocket" [20]."""
        kind, which, form = torch.rand(3, generator=generator).tolist()
        if kind < COLOURED:
            word, forms = choice([*COLOURS], which), COLOUR
        elif kind < COLOURED + COUNTED:
            word, forms = choice(NUMBERS, which), NUMBER
        else:
            word, forms = ", flat", FLAT
        said = captions.encode(self.tokenizer, [choice(forms, form).format(word)])[0]
        begin, *own = inside(name)
        more = inside(captions.encode(self.tokenizer, [word])[0])[1:]
        ids = [begin, *own, *more] if forms is FLAT else [begin, *more, *own]
        told = torch.full_like(name, self.tokenizer.pad_token_id)
        ids = [*ids[: len(name) - 1], self.tokenizer.eos_token_id]
        told[: len(ids)] = torch.tensor(ids)
        return said, told


def choice(among: "list[str] | tuple[str, ...]", draw: float) -> str:
    """One of them, by a number from 0 to 1."""
    return among[int(draw * len(among))]


def inside(tokens: torch.Tensor) -> list[int]:
    """Token ids [20] up to the end of the words."""
    ids = tokens.tolist()
    return ids[: ids.index(END)] if END in ids else ids
