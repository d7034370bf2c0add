"""Parts of a model by their libraries' own `from_pretrained`, and none of them half loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from worker.models.files.errors import SourceError

P = ParamSpec("P")
T = TypeVar("T")

_alone = threading.RLock()


def one_at_a_time(load: Callable[P, T]) -> Callable[P, T]:
    """Has a load wait for all others of this process.

    While the libraries build a module they put functions of their own into torch.nn.Module, for
    every thread. Two at once put them back in the wrong order, and from then on nothing loads.
    """

    @wraps(load)
    def alone(*args: P.args, **kwargs: P.kwargs) -> T:
        with _alone:
            return load(*args, **kwargs)

    return alone


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
