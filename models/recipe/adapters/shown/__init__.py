"""What the adapters are shown: pictures with their words, in ink, as lines, and in other views.

`pictures` composes and encodes them once, `ink`, `lines` and `views` are the operations on images
that make of one picture what another adapter is to learn from.
"""
