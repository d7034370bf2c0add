"""Step-level continuous batching: images join and leave a running batch between two steps."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from worker.engine.accounts import Accounts
from worker.engine.anatomy.study import Study
from worker.engine.backends.backends import Backends
from worker.engine.batcher import Batcher
from worker.engine.families.model import LoadedModel
from worker.engine.memory.costs import Cost
from worker.engine.memory.device import is_device_lost
from worker.engine.memory.notebook import Notebook
from worker.engine.memory.row_budget import Budgets
from worker.engine.model_source import ModelSource
from worker.engine.request import ImageRequest, Picture
from worker.engine.runner import Observer, Runner
from worker.engine.shares import Shares
from worker.engine.task import Stage, Task
from worker.engine.trace.recording import Memory, Trace

log = logging.getLogger(__name__)

# The most that a pixel may differ, in levels of 255, between an image made alone and the same
# made among others without `exact`, in fp32: a forward of another size rounds differently
# (3e-6 of a prediction), and now and then that tips a colour over to the next level.
TOLERANCE = 2


@dataclass(frozen=True)
class Finished:
    """A task's end: its picture, RGB (height, width, 3) in uint8, or the error in its place.

    `prompt_tokens` counts the prompt's own tokens, `prompt_chunks` the text encoder's windows
    they took; both are 0 where the prompt was never read. `trace` is what its steps were, and
    `faces` how many were found to restore, each where that was asked for.
    """

    task_id: str
    image: Picture | None
    error: Exception | None
    prompt_tokens: int
    prompt_chunks: int
    trace: Trace | None = None
    faces: int | None = None
    enlarge_s: float = 0.0
    """Seconds that enlarging it took, where it was enlarged."""


@dataclass(frozen=True)
class Progress:
    """Forwards done, how many there will be, and what the task needs next."""

    step: int
    steps: int
    stage: Stage


@dataclass(frozen=True)
class Seen:
    """A step that was just kept: how noisy it was, its latents, and those without the noise, drawn
    small."""

    step: int
    timestep: float
    sigma: float
    x: Picture
    x0: Picture


class Engine:
    """Develops many images at once on one device.

    Call `step` in a loop from one thread, the same that adds; `cancel` may come from any. A
    request that is `exact`, or every one with `exact` here, goes through forwards of exactly
    `exact_rows` rows, so its picture is equal to the pixel whatever else runs; others are equal
    within TOLERANCE, and up to `max_rows` share a forward.
    Raises ValueError for `exact_rows` that is not a power of two: of 4, 8 and 16 rows each came
    out equal to the bit wherever it stood, of 5, 6 and 7 the last ones did not (matrix products
    treat what is left over after whole blocks of rows another way).
    """

    def __init__(
        self,
        models: ModelSource,
        *,
        exact: bool = False,
        exact_rows: int = 8,
        max_rows: int = 64,
        memory_limit: int | None = None,
        notebook: Notebook | None = None,
        observer: Observer | None = None,
        trace_memory: int | None = None,
        backends: Backends | None = None,
    ) -> None:
        if exact_rows < 1 or exact_rows & (exact_rows - 1):
            raise ValueError(f"exact_rows: {exact_rows} is not a power of two.")
        self._exact = exact
        budget = Budgets(
            max_rows=max_rows, exact_rows=exact_rows, limit=memory_limit, notebook=notebook
        )
        self._models = models
        self._warming: dict[ImageRequest, Task | None] = {}
        self._budget = budget
        self._accounts = Accounts()
        self.batcher = Batcher(models, budget, self._accounts)
        self._backends = backends
        self.runner = Runner(budget, self._accounts, observer, Memory(trace_memory), backends)

    def add(
        self,
        task_id: str,
        request: ImageRequest,
        *,
        deadline: float | None = None,
        caller: str = "",
        weight: float = 1.0,
    ) -> None:
        """Takes a task in; it joins at the next denoising step, or once its model is loaded.

        Never waits for a model; what is wrong with the request comes back from `step`.
        `deadline` is a time of time.monotonic(): past it the task fails with DeadlineExceeded.
        The device's time is shared by `caller`; a task of twice the `weight` gets twice as much.
        Raises ValueError if `task_id` is held already.
        """
        if self._exact:
            request = replace(request, exact=True)
        # A warm-up under way would keep its model in use: it begins again when there is time.
        self._warming = {each: None for each, task in self._warming.items() if task is None}
        self.batcher.add(Task(task_id, request, deadline, caller, weight))

    def cancel(self, task_id: str) -> None:
        """Drops a task before the next step, without reporting it. Unknown ids are fine."""
        task = self.batcher.get(task_id)
        if task is not None:
            task.canceled = True

    def step(self) -> list[Finished]:
        """One unit of work: an encode, a denoising step or a decode. Returns who is done.

        Returns at once with nothing to do. Raises only where the device itself is lost.
        """
        started = time.perf_counter()
        batch = self.batcher.next_batch()
        self.runner.advance(batch)
        done = self.batcher.retire(batch)
        if self.idle:
            self.runner.rest()
        self._accounts.costs.step(time.perf_counter() - started)
        return [_finished(task) for task in done]

    def study(self, study: Study) -> bool:
        """Some of the work on something to see, between two steps; True once it is done. Its caller
        pays as for pictures. From the thread that steps."""
        started = time.perf_counter()
        done = study.advance()
        self._accounts.shares.charge(study.caller, time.perf_counter() - started)
        return done

    def warm_up(self, request: ImageRequest) -> bool:
        """With nothing else to do: one forward towards the best number of rows for the shape of
        `request`, whose model is loaded. False once there is nothing more to learn.
        """
        if self._exact:
            return False
        started = time.perf_counter()
        task = self._warming.get(request) or self._warming_task(request)
        try:
            more = task is not None and self.runner.warm_up(task)
        except Exception as error:
            if is_device_lost(error):
                raise
            # Nobody asked for this picture: without a measurement theirs are only made more slowly.
            log.warning("%s could not be measured: %s", request.model, error)
            more = False
        self._accounts.costs.step(time.perf_counter() - started)
        self._warming[request] = task if more else None
        return more

    def improve(self) -> bool:
        """With nothing else to do and no row budget to measure: some work towards faster forwards.
        False where there is none to be done now; there may be some later."""
        try:
            return self.runner.improve()
        except Exception as error:
            if is_device_lost(error):
                raise
            log.warning("nothing was made faster: %s", error)
            return False

    def compiled(self) -> Mapping[str, str]:
        """The models that run compiled where they can, and by which compiler; may be asked from any
        thread."""
        return self._backends.models if self._backends else {}

    def close(self) -> None:
        """Ends what is done in the background; waits some seconds for it."""
        if self._backends is not None:
            self._backends.close()

    def let_go(self, model: str) -> None:
        """Ends the warming up of a model that is to leave memory. From the thread that steps."""
        self._warming |= {each: None for each in self._warming if each.model == model}
        if self._backends is not None:
            self._backends.let_go()

    def forget(self, model: str) -> None:
        """The name stands for other weights from now on, or for none: drops what was measured of
        it, and lets go of it where it was being warmed up. From the thread that steps."""
        self._warming = {each: it for each, it in self._warming.items() if each.model != model}
        self._budget.forget(model)
        self._accounts.costs.forget(model)
        if self._backends is not None:
            self._backends.forget(model)

    def progress(self, task_id: str) -> Progress:
        """How far a held task is. Raises KeyError for an id that is not held."""
        task = self._held(task_id)
        return Progress(*task.progress, task.stage)

    def traced(self, task_id: str, since: int = 0) -> list[Seen]:
        """What is kept of a task's steps by now, drawn, from the `since`th on.

        Raises KeyError for an id that is not held.
        """
        task = self._held(task_id)
        recording, model = task.recording, task.model
        if recording is None or model is None:
            return []
        return [
            Seen(
                each.step,
                each.timestep,
                each.sigma,
                model.preview(each.tensors["x"][None]),
                model.preview(each.tensors["x0"][None]),
            )
            for each in recording.steps[since:]
        ]

    def preview(self, task_id: str) -> Picture | None:
        """A small RGB picture of what the task is becoming, one pixel a latent pixel.

        None before its first step. Raises KeyError for an id that is not held.
        """
        return self._held(task_id).preview()

    @property
    def shares(self) -> Shares:
        """What each caller has had of the device."""
        return self._accounts.shares

    def costs(self) -> list[Cost]:
        """What pictures were measured to cost, each kind of them; may be asked from any thread."""
        return self._accounts.costs.all()

    def __len__(self) -> int:
        """Tasks held."""
        return len(self.batcher)

    @property
    def idle(self) -> bool:
        """Whether no task is held."""
        return len(self) == 0

    @property
    def waiting(self) -> bool:
        """Whether there are tasks, and none can go on before its model is loaded, or before what
        is done of it beside the steps is done."""
        return not self.idle and not self.batcher.able()

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that held tasks use or wait for: not to be unloaded now."""
        return frozenset(task.request.model for task in self.batcher.tasks)

    def _warming_task(self, request: ImageRequest) -> Task | None:
        model = self._models.get(request.model) if request not in self._warming else None
        if not isinstance(model, LoadedModel):
            return None
        return Task("warming up", request, stage=Stage.ENCODE, model=model)

    def _held(self, task_id: str) -> Task:
        task = self.batcher.get(task_id)
        if task is None:
            raise KeyError(task_id)
        return task


def _trace(task: Task) -> Trace | None:
    if task.recording is None:
        return None
    if task.model is None or task.image is None:
        task.recording.close()
        return None
    if task.latents is not None:
        task.recording.ended(task.latents)
    return task.recording.finished(task.model.preview)


def _finished(task: Task) -> Finished:
    text = task.text
    return Finished(
        task_id=task.id,
        image=task.image,
        error=task.error,
        prompt_tokens=text.tokens if text else 0,
        prompt_chunks=text.chunks if text else 0,
        trace=_trace(task),
        faces=task.restoring.faces if task.restoring else None,
        enlarge_s=task.enlarge_seconds,
    )
