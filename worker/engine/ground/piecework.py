"""Long work on one picture, stopped and gone on with between any two layers of a network.

Tiles would do as well but for their looks: an autoencoder normalizes over all that it sees, so a
picture decoded in tiles differs from the whole by several levels. Between its layers it can rest
as often, and the result is the same to the bit.
"""

import threading
import time
import weakref
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import torch

PIECE = 0.1
"""Seconds of work before the next layer waits to be told to go on."""


class Piecework:
    """`work`, done in a thread that rests between two layers of `modules`. One thread calls it.

    No two threads work at once: `advance` returns when the other rests or has ended.
    """

    def __init__(self, work: Callable[[], None], modules: Iterable[torch.nn.Module]) -> None:
        self._walk = _Walk(work, list(modules))
        weakref.finalize(self, self._walk.stop)

    def advance(self) -> bool:
        """Does some of the work; True once all is done. Raises what the work raises."""
        return self._walk.advance()

    def stop(self) -> None:
        """Ends the work where it is. May be called again."""
        self._walk.stop()


class _Stopped(BaseException):
    """Ends the work from within a layer, past whatever it handles itself."""


class _Walk:
    def __init__(self, work: Callable[[], None], modules: list[torch.nn.Module]) -> None:
        self._work: Callable[[], None] | None = work
        self._modules = modules
        self._error: BaseException | None = None
        self._done = self._stopping = False
        self._since = 0.0
        self._go, self._rests = threading.Semaphore(0), threading.Semaphore(0)
        # The main thread may end while the work rests.
        self._thread = threading.Thread(target=self._run, name="piecework", daemon=True)

    def advance(self) -> bool:
        if self._thread.ident is None:
            self._thread.start()
        if not self._done:
            self._go.release()
            self._rests.acquire()
        if self._error is not None:
            raise self._error
        return self._done

    def stop(self) -> None:
        if self._done:
            return
        self._stopping = True
        if self._thread.ident is None:
            self._done = True
            return
        self._go.release()
        # The garbage collector may come by in any thread.
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        self._go.acquire()
        self._since = time.monotonic()
        try:
            if self._work is not None and not self._stopping:
                with torch.inference_mode(), ExitStack() as hooks:
                    for layer in self._layers():
                        hooks.callback(layer.register_forward_hook(self._after_layer).remove)
                    self._work()
        except _Stopped:
            pass
        except BaseException as error:
            self._error = error
        self._work = None
        self._done = True
        self._rests.release()

    def _layers(self) -> list[torch.nn.Module]:
        every = (layer for module in self._modules for layer in module.modules())
        return [layer for layer in every if not any(layer.children())]

    def _after_layer(self, *_: Any) -> None:
        # Others use the same layers meanwhile, on the engine's own thread.
        if threading.current_thread() is not self._thread:
            return
        if time.monotonic() - self._since < PIECE:
            return
        self._rests.release()
        self._go.acquire()
        self._since = time.monotonic()
        if self._stopping:
            raise _Stopped
