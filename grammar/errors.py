"""What is wrong with a prompt."""


class BadPrompt(ValueError):
    """The prompt cannot be read as it is written; the message says why, and goes on from the name
    of its field.

    `code` names the sentence and `values` stand in its template, for who says it in another
    language.
    """

    def __init__(self, code: str, template: str, **values: str | int | float) -> None:
        super().__init__(template.format(**values))
        self.code = code
        self.template = template
        self.values = values
