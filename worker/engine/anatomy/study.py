"""Something to see of a loaded model, worked out on the engine's thread between two steps."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from worker.engine.families.model import LoadedModel
from worker.engine.ground.piecework import Piecework


class Study:
    """`work` with a model, for `caller`, who pays for the time that it takes.

    The networks are the engine's, and it is not asked from two threads at once. On a processor long
    work rests between two layers of the autoencoder, and steps go on meanwhile.
    """

    def __init__(self, caller: str, model: LoadedModel, work: Callable[[], Any]) -> None:
        self.caller = caller
        self.result: Future[Any] = Future()
        self._work = work
        modules: Iterable[Any] = [model.autoencoder.vae] if model.device.type == "cpu" else []
        self._piecework = Piecework(self._do, modules)
        self._model: LoadedModel | None = model

    def advance(self) -> bool:
        """Some of the work; True once it is done, well or not."""
        done = self._piecework.advance()
        if done:
            self._model = None
        return done

    def stop(self) -> None:
        """Ends it where it is."""
        self._piecework.stop()
        self.result.cancel()

    def _do(self) -> None:
        model = self._model
        if model is not None:
            model.loras.use(())
        try:
            self.result.set_result(self._work())
        except Exception as error:
            self.result.set_exception(error)
