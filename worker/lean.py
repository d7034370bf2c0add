"""The libraries without those parts of theirs that nothing here uses, which take half of a start.

Before anything is asked of them, transformers and diffusers bring in torch's compiler, its ways of
training on several machines, and SciPy: four seconds of a processor and a thousand modules. They
can do without each of these, and here they are told to.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from threading import RLock
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"

ALONE = "torch._dynamo._trace_wrapped_higher_order_op"
"""A module of the compiler's that transformers imports, and that needs nothing of the rest."""

LATER = ("scipy.stats", "scipy.integrate")
"""What diffusers' schedulers import and few of them use: beta schedules, and LMS."""

REST = 20.0
"""Seconds after the start at which the rest is imported, when the first pictures are made."""

TRANSFORMERS = ("transformers.modeling_utils", "transformers.masking_utils")
DIFFUSERS = ("diffusers.utils.torch_utils", "diffusers.hooks")

_loading = RLock()


class Later(ModuleType):
    """Stands for a module that is imported when something of it is asked for."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        # Whoever looks whether there is such a module finds that there is, and its own modules.
        self.__spec__ = ModuleSpec(name, None)
        package, _, last = name.rpartition(".")
        above: Iterable[str] = importlib.import_module(package).__path__ if package else ()
        self.__path__ = [f"{folder}/{last}" for folder in above]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.load(), name)

    def load(self) -> ModuleType:
        """The module itself, from now on under its name."""
        with _loading:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
            return importlib.import_module(self.__name__)


class Within(MetaPathFinder):
    """Imports what was put off before any module of its own: those expect to be imported by it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module, where what it is in has imported it by now; else None, for others to find."""
        package = sys.modules.get(fullname.rpartition(".")[0])
        if not isinstance(package, Later) or fullname == ALONE:
            return None
        package.load()
        found = sys.modules.get(fullname)
        if found is None:
            return None
        spec = ModuleSpec(fullname, Imported(found))
        # By its own an import that finds it here would run it again. Some let nobody set anything.
        found.__dict__["__spec__"] = spec
        return spec


class Imported(Loader):
    """Gives a module that is there already."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module as it is."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """It ran before, and says again where it is from."""
        module.__dict__["__spec__"] = self._spec


def bring_in() -> None:
    """Import transformers and diffusers, to which all that is imported after this adds little.

    What was imported before stays as it is.
    """
    put_off_compiler()
    with _alone():
        _import(TRANSFORMERS)
    for name in LATER:
        sys.modules.setdefault(name, Later(name))
    _import(DIFFUSERS)


def bring_in_rest() -> None:
    """Import what was put off; somebody's picture would wait for it."""
    for name in LATER:
        module = sys.modules.get(name)
        if isinstance(module, Later):
            module.load()


@contextmanager
def without_collecting() -> Iterator[None]:
    """Nothing that is imported is garbage, nor looked at again afterwards."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


def find_within() -> None:
    """Have modules of what is put off be found."""
    if not any(isinstance(each, Within) for each in sys.meta_path):
        sys.meta_path.insert(0, Within())


def _import(names: tuple[str, ...]) -> None:
    for name in names:
        importlib.import_module(name)


def put_off_compiler() -> None:
    """Have torch's compiler be imported by who compiles, not by who marks what it leaves alone:
    torch itself does so while a model is laid out."""
    find_within()
    if COMPILER in sys.modules:
        return
    torch: Any = importlib.import_module("torch")
    compiler: Any = Later(COMPILER)
    compiler.allow_in_graph = compiler.assume_constant_result = _unmarked
    compiler.disable = _not_disabled
    sys.modules[COMPILER] = compiler
    torch.compile = _with_compiler(compiler, torch.compile)


def _with_compiler(compiler: Later, compile: Callable[..., Any]) -> Callable[..., Any]:
    """torch.compile with the compiler imported first, as its parts expect it to be."""

    @wraps(compile)
    def compiled(*args: Any, **options: Any) -> Any:
        compiler.load()
        return compile(*args, **options)

    return compiled


def _unmarked(function: Any) -> Any:
    return function


def _not_disabled(function: Any = None, *_: Any, **__: Any) -> Callable[[Any], Any]:
    return _unmarked if function is None else function


@contextmanager
def _alone() -> Iterator[None]:
    """One machine and no SciPy, as far as transformers sees, which remembers what it saw."""
    distributed: Any = importlib.import_module("torch.distributed")
    seen: Any = importlib.import_module("transformers.utils.import_utils")
    for look in (seen.is_scipy_available, seen.is_torch_distributed_available):
        look.cache_clear()
    available = distributed.is_available
    there = "scipy" in sys.modules
    distributed.is_available = _unavailable
    if not there:
        sys.modules["scipy"] = None  # pyright: ignore[reportArgumentType]
    try:
        yield
    finally:
        distributed.is_available = available
        if not there:
            del sys.modules["scipy"]
        # What is imported later and needs SciPy finds it.
        seen.is_scipy_available.cache_clear()


def _unavailable() -> bool:
    return False
