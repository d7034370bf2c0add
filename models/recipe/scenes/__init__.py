"""Composed pictures: single emoji made into colours, numbers, pairs and sizes, with their words.

What is done to a picture is a `Scene` (`scene`), thought up by a `Director`. `studio` makes the
picture of it and `wording` its captions, so that words and picture always agree. `things` says
which emoji take part and what people call them, `colours` paints them, and `bank` turns it all
into the latents and token ids that a training reads.
"""
