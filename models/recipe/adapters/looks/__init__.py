"""Looking at adapters: pictures with one and without, figures that can fail, and the cards.

`asked` says what they are asked for, `drawing` draws it with stock diffusers, `measures` counts,
and `cards` writes what came of it beside the weights.
"""
