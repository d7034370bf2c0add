"""Why a model or an add-on cannot be used. Every message is a sentence that says what to do."""

from __future__ import annotations

from importlib.util import find_spec


class SourceError(Exception):
    """What models.toml names is not there, or is not what it should be: it is not on offer."""


def check_package(what: str, package: str, extra: str) -> None:
    """Raises SourceError where an optional package that `what` needs is not installed."""
    if find_spec(package) is None:
        raise SourceError(
            f"{what}, which needs the package {package}; the extra `{extra}` of darkroom brings it."
        )
