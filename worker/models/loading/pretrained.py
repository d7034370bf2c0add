"""Parts of a model by their libraries' own `from_pretrained`, and none of them half loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from worker.models.files.errors import SourceError


def load_pretrained(model_class: Any, folder: Path, where: str = "", **options: Any) -> Any:
    """A model of diffusers or transformers from its folder, with `options` of its library.

    Raises SourceError, which begins with `where`, for a folder that lacks some of its weights.
    """
    model, info = model_class.from_pretrained(
        folder,
        use_safetensors=True,
        local_files_only=True,
        output_loading_info=True,
        **options,
    )
    check_nothing_is_missing(f"{where}{folder}", info)
    return model


def check_nothing_is_missing(what: str, info: dict[str, Any]) -> None:
    """Raises SourceError where the library's loading info says that `what` lacks weights.

    Both libraries fill what is missing with noise, and only warn.
    """
    missing = sorted(info["missing_keys"])
    if missing:
        raise SourceError(f"{what} lacks {len(missing)} of its weights, such as {missing[0]}.")
