"""From prompt to picture in four stages, in file order: tensors, no policy."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import torch

from worker.engine.accounts import Accounts
from worker.engine.backends.backends import Backends
from worker.engine.batch import Batch, Stacks, Step, keep_step
from worker.engine.errors import NotFinite
from worker.engine.families.model import LoadedModel
from worker.engine.fastest import Fastest
from worker.engine.ground.piecework import Piecework
from worker.engine.ground.sideline import Sideline
from worker.engine.guidance.acting import acts, put_on
from worker.engine.guidance.task_rows import TaskRows
from worker.engine.memory.device import (
    capacity,
    explained,
    is_device_lost,
    is_out_of_memory,
    make_current,
    release_memory,
    settle,
)
from worker.engine.memory.footprint import tracked
from worker.engine.memory.row_budget import Budgets
from worker.engine.memory.stopwatch import Measurement, Stopwatch
from worker.engine.parts.rows import Rows
from worker.engine.prepare import encode, enlarge
from worker.engine.task import BatchKey, Stage, Task, ready
from worker.engine.trace.attention import Wanted, Watch, watched
from worker.engine.trace.recording import Memory
from worker.engine.whole.run import WholeRun

# Seconds that somebody who comes while the engine warms up may wait for its forward; the next one
# may have twice the rows.
NOTICED = 1.0

STAGES = {Stage.ENCODE: "encode", Stage.ENLARGE: "enlarge", Stage.DECODE: "decode"}


class Observer(Protocol):
    """Who wants to know how long things take (metrics). Called from the engine's thread."""

    def forward(self, model: str, rows: int, seconds: float) -> None:
        """A forward of `rows` rows is done."""
        ...

    def stage(self, name: str, seconds: float) -> None:
        """An `encode` or a `decode` is done."""
        ...


class Runner:
    """Advances a batch by one unit of work: one encode, one denoising step, or one decode.

    Never raises for one task: a task that cannot go on fails and its mates advance. It raises
    only where the device itself is lost, because then nothing can.
    """

    def __init__(
        self,
        budget: Budgets,
        accounts: Accounts,
        observer: Observer | None = None,
        traces: Memory | None = None,
        backends: Backends | None = None,
    ) -> None:
        self._fastest = Fastest(backends, budget)
        self._traces = traces
        self._budget = budget
        self._accounts = accounts
        self._observer = observer
        self._stopwatch = Stopwatch()
        self._stacks = Stacks()
        self._sideline = Sideline()

    @torch.inference_mode()
    def advance(self, batch: Batch | None) -> None:
        """Does the batch's unit of work; None is no work."""
        if batch is None:
            return
        started = time.perf_counter()
        try:
            self._advance(batch)
        except Exception as error:
            if is_device_lost(error):
                raise
            for task in batch.tasks:
                if task.stage is not Stage.DONE:
                    task.fail(explained(error, task.request))
        if batch.stage is not Stage.DENOISE:
            # A forward is charged to each of its tasks where it is measured.
            self._account(batch.tasks[0], batch.stage, time.perf_counter() - started)

    def rest(self) -> None:
        """Holds nothing for the next step."""
        self._stacks.forget()

    def _account(self, task: Task, stage: Stage, seconds: float) -> None:
        self._accounts.piece(task, seconds)
        if stage in (Stage.WHOLE, Stage.RESTORE):
            took, task.stage_seconds = task.stage_seconds, 0.0
        elif task.stage is stage:
            return
        else:
            took = task.stage_seconds
            self._accounts.stage(task, STAGES[stage])
        if self._observer:
            self._observer.stage(stage.name.lower(), took)

    def _advance(self, batch: Batch) -> None:
        task = batch.tasks[0]
        if task.model is not None:
            make_current(task.model.device)
        match batch.stage:
            case Stage.ENCODE:
                with self._fastest.text(task):
                    done = self._in_pieces(task, partial(encode, task, self._traces))
                if done:
                    self._check_fit(task)
            case Stage.ENLARGE:
                beside = task.beside
                if self._in_pieces(task, partial(enlarge, task)):
                    self._check_fit(task)
                if beside is not None and task.beside is None:
                    self._accounts.piece(task, beside.seconds)
            case Stage.DECODE:
                self._in_pieces(task, partial(self._decode, task))
            case Stage.RESTORE:
                task.restore()
            case Stage.WHOLE:
                self._advance_whole(task)
            case _:
                self._denoise(batch)

    # What is long on one picture, in pieces between which others have their turn

    def _in_pieces(self, task: Task, work: Callable[[], None]) -> bool:
        """Does a stage, or some of it where it is long; whether it is done."""
        if task.piecework is None:
            if not task.is_long:
                work()
                return True
            encoders = ready(task.model).autoencoder.vae, task.autoencoder.vae
            modules = list(dict.fromkeys(encoders))
            upscaler = task.add_ons.upscaler
            if upscaler is not None and upscaler.network is not None:
                modules.append(upscaler.network)
            task.piecework = Piecework(work, modules)
        try:
            done = task.piecework.advance()
        except BaseException:
            task.piecework = None
            raise
        if done:
            task.piecework = None
        return done

    # 1. Encode the prompt and the picture, and 2. prepare latents, schedule and conditions

    def _check_fit(self, task: Task) -> None:
        """Refuses at once what can never fit, before it has cost a step."""
        if task.stage is Stage.DENOISE:
            key, model = ready(task.key), ready(task.model)
            size = key.width * model.factor, key.height * model.factor
            self._budget.check(key, *size, capacity(model.device))

    # 3. Denoise: one forward for all rows, then one sampler step a task

    def _denoise(self, batch: Batch) -> None:
        rows = batch.gather(self._stacks)
        if rows is None:
            return
        noise, failed = self._predict(batch, rows)
        batch.scatter(rows, noise, failed, self._keep)

    def _keep(self, task: Task, step: Step) -> None:
        """What a traced picture's step takes longer than another's is its caller's to pay."""
        started = time.perf_counter()
        keep_step(task, step)
        self._accounts.extra(task, time.perf_counter() - started)

    def _predict(self, batch: Batch, rows: TaskRows) -> tuple[torch.Tensor, dict[int, Exception]]:
        """The prediction for every row, and the rows that have none because they raised.

        Where a forward raises it is split in two and tried again, down to the row that is to
        blame; where it ran out of memory the budget shrinks with it. No sampler has moved yet,
        so nothing of the step is lost.
        """
        limit = self._budget.rows(batch.key)
        spans = [(start, min(start + limit, len(rows))) for start in range(0, len(rows), limit)]
        noise: dict[int, torch.Tensor] = {}
        failed: dict[int, Exception] = {}
        while spans:
            start, end = spans.pop()
            error = self._try_forward(batch, rows, start, end, noise)
            if error is None:
                continue
            if is_device_lost(error):
                raise error
            starved = is_out_of_memory(error)
            if starved:
                self.rest()
                release_memory()
                self._budget.out_of_memory(batch.key, end - start)
            if end - start == 1 or (starved and batch.key.exact):
                for row in range(start, end):
                    failed[row] = explained(error, rows.owner(row).request)
                noise[start] = torch.zeros_like(rows.latents[start:end])
                continue
            middle = (start + end) // 2
            spans += [(start, middle), (middle, end)]
        parts = [noise[start] for start in sorted(noise)]
        return parts[0] if len(parts) == 1 else torch.cat(parts), failed

    def _try_forward(
        self, batch: Batch, rows: TaskRows, start: int, end: int, noise: dict[int, torch.Tensor]
    ) -> Exception | None:
        try:
            noise[start] = self._forward(batch, rows, start, end)
        except Exception as error:
            # Its traceback holds the tensors that took the memory.
            return error.with_traceback(None)
        return None

    def _forward(self, batch: Batch, rows: TaskRows, start: int, end: int) -> torch.Tensor:
        key, model = batch.key, batch.model
        part = rows.span(start, end, self._budget.rows(key) if key.exact else 0)
        owners = [*rows.owners[start:end], *(rows.owner(row) for row in part.beyond)]
        put_on(model, key, owners)
        looking = rows.looking(start, end)
        acting = acts(model, rows, start, end, part)
        if not looking and acting is None:
            with self._fastest.forward(key, model, part):
                return self._run(key, model, part, owners, batch.free)[: end - start]
        wanted = {
            row: ready(task.recording).wanted(model.layout(part, row))
            for row, task in looking.items()
        }
        with (
            acting or self._fastest.forward(key, model, part),
            watched(model.attentions, wanted) as watch,
        ):
            noise = self._run(key, model, part, owners, batch.free, lambda: watch.seconds)
        if model.attentions and not watch.ran:
            watch = self._looked_again(model, part, wanted)
        for row, task in looking.items():
            ready(task.recording).saw(watch.seen[row])
            # Its caller's to pay, as is what is kept of a step.
            self._accounts.extra(task, watch.seconds / len(looking))
        return noise[: end - start]

    def _looked_again(self, model: LoadedModel, rows: Rows, wanted: Mapping[int, Wanted]) -> Watch:
        """What rows look at of which a compiled network does not say it: the plain one is asked of
        them alone, so that the others' go as fast and every answer is as it would have been."""
        started = time.perf_counter()
        own = dict(enumerate(wanted.values()))
        with watched(model.attentions, own) as watch:
            model.forward(rows.only(list(wanted)))
        seen = {row: watch.seen[index] for index, row in enumerate(wanted)}
        return Watch(seen, time.perf_counter() - started)

    def _run(
        self,
        key: BatchKey,
        model: LoadedModel,
        rows: Rows,
        owners: Sequence[Task] = (),
        free: frozenset[str] = frozenset(),
        beside: Callable[[], float] = lambda: 0.0,
    ) -> torch.Tensor:
        """One forward, weighed if it is the first of its shape, else timed; `beside` says how many
        of its seconds were not for the pictures."""
        forward, usual = partial(model.forward, rows), self._budget.weighed(key)
        report = partial(self._report, key, owners, free, usual, beside)
        if usual:
            return self._stopwatch.time(model.device, len(rows), forward, report)
        noise, size = self._stopwatch.time(
            model.device, len(rows), lambda: tracked(forward), report
        )
        self._budget.weigh(key, size // len(rows))
        return noise

    def _report(
        self,
        key: BatchKey,
        owners: Sequence[Task],
        free: frozenset[str],
        usual: bool,
        beside: Callable[[], float],
        measurement: Measurement,
    ) -> None:
        seconds = max(0.0, measurement.seconds - beside())
        measurement = replace(measurement, seconds=seconds)
        self._budget.record(key, measurement)
        limit = self._budget.rows(key)
        self._accounts.forward(key, owners, limit, measurement, free, usual=usual)
        if self._observer:
            self._observer.forward(key.model, measurement.rows, measurement.seconds)

    # Warming up: forwards for their own sake, to learn how many rows one should take

    @torch.inference_mode()
    def warm_up(self, task: Task) -> bool:
        """One forward of the size that the budget wants to try next for this task's shape.

        False where the size is settled, or where a forward takes, or by what was measured would
        take, so long that somebody who came meanwhile would notice.
        """
        make_current(ready(task.model).device)
        if task.stage is Stage.ENCODE:
            encode(task)
        batch = Batch(Stage.DENOISE, [task])
        key, model = batch.key, batch.model
        new = self._fastest.is_new(model)
        if (self._budget.settled(key) and not new) or (rows := batch.gather()) is None:
            return False
        started = time.perf_counter()
        weighed = self._budget.weighed(key)
        wanted = (len(rows) if new else self._budget.rows(key)) if weighed else 1
        # A picture of this model has been made, as a rule: that is why it is in memory.
        if (self._accounts.costs.at_best(key.timed, wanted) or 0.0) > NOTICED:
            return False
        put_on(model, key, [task])
        try:
            with self._fastest.forward(key, model, rows):
                self._run(key, model, rows.span(0, 1, wanted))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._budget.out_of_memory(key, wanted)
            release_memory()
        settle(model.device)
        return time.perf_counter() - started < NOTICED / 2

    @torch.inference_mode()
    def improve(self) -> bool:
        """Something towards faster forwards, with nothing else to do; False where there is nothing
        to be done now."""
        return self._fastest.improve()

    # 4. Decode the latents into pixels

    def _decode(self, task: Task) -> None:
        model = ready(task.model)
        autoencoder, latents = task.autoencoder, ready(task.latents)
        try:
            if task.aside is not None:
                aside, task.aside, began = task.aside, None, time.perf_counter()
                numbers = aside.take()
                # What was waited for is charged as the time of this.
                waited = time.perf_counter() - began
                self._accounts.piece(task, max(0.0, aside.seconds - waited))
                task.finish(autoencoder.taken(numbers, latents))
                return
            with self._fastest.decode(task):
                if model.device.type == "cuda" and autoencoder.goes_aside:
                    decode = partial(autoencoder.numbers, latents)
                    task.aside = self._sideline.run(model.device, decode, latents)
                else:
                    task.finish(autoencoder.decode(latents))
        except NotFinite as error:
            if (blamed := model.to_blame()) is not None:
                raise blamed from error
            raise

    # A pipeline that runs whole: one of its steps

    def _advance_whole(self, task: Task) -> None:
        if task.run is None:
            task.run = WholeRun(ready(task.whole), task.request)
        task.run.advance()
        if task.run.error is not None:
            task.fail(task.run.error)
        elif task.run.image is not None:
            task.finish(task.run.image)
