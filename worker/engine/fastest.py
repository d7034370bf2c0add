"""What of a picture runs the fastest way that there is, and what has to run the plain one."""

from contextlib import AbstractContextManager, nullcontext

from worker.engine.backends.backends import Backends
from worker.engine.batch import BatchKey
from worker.engine.families.model import LoadedModel
from worker.engine.memory.row_budget import Budgets
from worker.engine.parts.rows import Rows
from worker.engine.task import Task, ready


class Fastest:
    """Has networks run by `backends`, where there are any; `budget` says which shapes of forwards
    were weighed, which the plain way is for."""

    def __init__(self, backends: Backends | None, budget: Budgets) -> None:
        self._backends = backends
        self._budget = budget

    def forward(
        self, key: BatchKey, model: LoadedModel, rows: Rows
    ) -> AbstractContextManager[None]:
        """Within it a forward runs the fastest way that there is. One that is weighed runs the
        plain way, and so does what hangs on the plain network's layers, but for LoRAs that act on
        all rows alike; and what must be equal to the bit, before something was compiled and
        after."""
        merging = model.loras.merging
        hung = (model.loras.on and merging is None) or rows.references or rows.looks
        if self._backends is None or key.exact or hung or not self._budget.weighed(key):
            return nullcontext()
        return self._backends.over(model.networks, merging)

    def text(self, task: Task) -> AbstractContextManager[None]:
        """The same for prompts that are read."""
        model = ready(task.model)
        plain = task.request.exact or task.request.loras or model.device.type != "cpu"
        if self._backends is None or plain:
            return nullcontext()
        return self._backends.over(model.text_networks)

    def decode(self, task: Task) -> AbstractContextManager[None]:
        """The same for a decode. One in pieces rests between the layers of the plain network, and
        an autoencoder that a picture names is a network of its own, compiled in vain."""
        other = task.request.tiling != "none" or task.request.vae is not None
        plain = other or task.request.exact or task.piecework is not None
        if self._backends is None or plain:
            return nullcontext()
        return self._backends.over(ready(task.model).autoencoder.networks)

    def is_new(self, model: LoadedModel) -> bool:
        """Whether a model's denoiser could run another way, and never had the chance."""
        return self._backends is not None and not self._backends.knows(model.networks)

    def improve(self) -> bool:
        """Something towards faster forwards, with nothing else to do; False where there is nothing
        to be done now."""
        return self._backends is not None and self._backends.improve()
