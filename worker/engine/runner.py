"""From prompt to picture in four stages, in file order: tensors, no policy."""

import time
from functools import partial
from typing import Any, Protocol

import torch

from .batch import Batch, Rows
from .device import Stopwatch, is_device_lost, is_out_of_memory, release_memory
from .errors import NotFinite, OutOfMemory
from .memory import Budget, Measurement
from .task import Picture, Stage, Task, ready


class Observer(Protocol):
    """Who wants to know how long things take (metrics). Called from the engine's thread."""

    def forward(self, model: str, rows: int, seconds: float) -> None:
        """A UNet forward of `rows` rows is done."""
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
        self, budget: Budget, observer: Observer | None = None, pad_to: int | None = None
    ) -> None:
        self._budget = budget
        self._observer = observer
        self._pad_to = pad_to
        self._stopwatch = Stopwatch()

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
                    task.fail(_explained(error, task))
        if self._observer and batch.stage is not Stage.DENOISE:
            self._observer.stage(batch.stage.name.lower(), time.perf_counter() - started)

    def _advance(self, batch: Batch) -> None:
        match batch.stage:
            case Stage.ENCODE:
                self._encode(batch.tasks[0])
            case Stage.DECODE:
                self._decode(batch.tasks[0])
            case _:
                self._denoise(batch)

    # 1. Encode the prompt, and 2. prepare the latents and the schedule

    def _encode(self, task: Task) -> None:
        task.encode()
        task.prepare()

    # 3. Denoise: one UNet forward for all rows, then one sampler step a task

    def _denoise(self, batch: Batch) -> None:
        rows = batch.gather()
        if rows is None:
            return
        noise, failed = self._predict(batch, rows)
        batch.scatter(rows, noise, failed)

    def _predict(self, batch: Batch, rows: Rows) -> tuple[torch.Tensor, dict[int, Exception]]:
        """The UNet's noise for every row, and the rows that have none because they raised.

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
                release_memory()
                self._budget.out_of_memory(batch.key, end - start)
            if end - start == 1 or (starved and self._pad_to):
                for row in range(start, end):
                    failed[row] = _explained(error, rows.owner(row))
                noise[start] = torch.zeros_like(rows.latents[start:end])
                continue
            middle = (start + end) // 2
            spans += [(start, middle), (middle, end)]
        return torch.cat([noise[start] for start in sorted(noise)]), failed

    def _try_forward(
        self, batch: Batch, rows: Rows, start: int, end: int, noise: dict[int, torch.Tensor]
    ) -> Exception | None:
        try:
            noise[start] = self._forward(batch, rows, start, end)
        except Exception as error:
            # Its traceback holds the tensors that took the memory.
            return error.with_traceback(None)
        return None

    def _forward(self, batch: Batch, rows: Rows, start: int, end: int) -> torch.Tensor:
        latents, timesteps, text = (
            self._padded(part[start:end]) for part in (rows.latents, rows.timesteps, rows.text)
        )
        model = batch.model
        forward = partial(model.unet, latents, timesteps, text, return_dict=False)
        report = partial(self._report, batch)
        noise = self._stopwatch.time(model.device, len(latents), lambda: forward()[0], report)
        return noise[: end - start]

    def _padded(self, part: torch.Tensor) -> torch.Tensor:
        """`part` with copies of its first row up to the fixed number of rows, in exact mode."""
        missing = (self._pad_to or 0) - len(part)
        if missing <= 0:
            return part
        return torch.cat([part, part[:1].expand(missing, *part.shape[1:])])

    def _report(self, batch: Batch, measurement: Measurement) -> None:
        self._budget.record(batch.key, measurement)
        if self._observer:
            self._observer.forward(batch.key.model, measurement.rows, measurement.seconds)

    # 4. Decode the latents into pixels

    def _decode(self, task: Task) -> None:
        vae = ready(task.model).vae
        latents = ready(task.latents).to(vae.dtype) / vae.config.scaling_factor
        try:
            decoded: torch.Tensor = vae.decode(latents, return_dict=False)[0]
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            decoded = torch.empty(0)
        if not len(decoded):
            decoded = _decode_tiled(vae, latents)
        task.finish(_to_picture(decoded, task))


def _decode_tiled(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """The picture in overlapping tiles: less memory, and faint differences where they meet."""
    release_memory()
    vae.enable_tiling()
    try:
        return vae.decode(latents, return_dict=False)[0]
    finally:
        vae.disable_tiling()


def _to_picture(decoded: torch.Tensor, task: Task) -> Picture:
    """RGB (height, width, 3) in uint8, in one transfer, of a decoded (1, 3, height, width)."""
    if not decoded.isfinite().all():
        at = "latents" if not ready(task.latents).isfinite().all() else "decoded picture"
        raise NotFinite(
            f"The {at} came out as NaN or infinity; another sampler, fewer steps, a lower"
            " guidance_scale or a wider dtype would help."
        )
    unit = (decoded.float()[0] / 2 + 0.5).clamp(0, 1)
    return (unit * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


def _explained(error: Exception, task: Task) -> Exception:
    """`error`, or the sentence that a caller can act on where it is lack of memory."""
    if not is_out_of_memory(error):
        return error
    size = f"{task.request.width}x{task.request.height}"
    explained = OutOfMemory(
        f"width, height: a picture of {size} does not fit into this device's memory;"
        " ask for a smaller one."
    )
    explained.__cause__ = error
    return explained
