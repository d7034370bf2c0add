"""Why a model or an add-on cannot be used. Every message is a sentence that says what to do."""


class SourceError(Exception):
    """What models.toml names is not there, or is not what it should be: it is not on offer."""
