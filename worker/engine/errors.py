"""Why the engine gave a task back without a picture. Every message is a sentence for the caller."""


class EngineError(Exception):
    """The task failed; its batch mates did not."""


class InvalidRequest(EngineError):
    """The request can never run on this model: the message names the field and the limit."""


class ModelUnavailable(EngineError):
    """The model is unknown or does not load: every task that asks for it fails with this."""


class NoLongerOffered(EngineError):
    """The model, or what the picture was to add to it, was removed before the task began."""


class DeadlineExceeded(EngineError):
    """The task's deadline passed before its picture was ready."""


class OutOfMemory(EngineError):
    """One row alone does not fit into the device's memory: a smaller picture would."""


class NotFinite(EngineError):
    """The picture came out as NaN or infinity: other settings, or another dtype, would work."""
