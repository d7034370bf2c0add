"""What is wrong with a prompt."""


class BadPrompt(ValueError):
    """The prompt cannot be read as it is written; the message says why, and goes on from the name
    of its field."""
