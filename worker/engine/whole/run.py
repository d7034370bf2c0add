"""A whole diffusers pipeline, advanced by one of its denoising steps at a time.

What Darkroom cannot batch runs here as it is: its own loop, its own scheduler, one picture at a
time. The loop runs in a thread that stops after every step until it is told to go on, so the
engine can put other pictures' steps between, and no two threads ever touch the device at once.
"""

import threading
import traceback
import weakref
from contextlib import suppress
from typing import Any, cast

import numpy as np
import torch
from PIL import Image

from worker.engine.errors import EngineError, NotFinite, say
from worker.engine.memory.device import (
    explained,
    is_device_lost,
    is_out_of_memory,
    make_current,
    release_memory,
)
from worker.engine.request import ImageRequest, Picture
from worker.engine.whole.pipeline import WholeModel
from worker.engine.whole.preview import Watch, watched


class WholeRun:
    """One picture's way through a pipeline. One thread calls all of it.

    Raises InvalidRequest where the request does not fit the model, RuntimeError where the model
    is busy. Holds the model until it is `done`; `cancel`, or letting go of the run, ends it.
    """

    def __init__(self, model: WholeModel, request: ImageRequest) -> None:
        model.check(request)
        self._walk = _Walk(model, request)
        weakref.finalize(self, self._walk.stop)

    @property
    def step(self) -> int:
        """Denoising steps done."""
        return self._walk.step

    @property
    def steps(self) -> int:
        """Denoising steps that there will be."""
        return self._walk.steps

    @property
    def done(self) -> bool:
        """Whether the pipeline has ended: with an `image`, an `error`, or neither if canceled."""
        return self._walk.done

    @property
    def image(self) -> Picture | None:
        """RGB (height, width, 3) in uint8, once it is done."""
        return self._walk.image

    @property
    def error(self) -> Exception | None:
        """Why there is no picture."""
        return self._walk.error

    def advance(self) -> None:
        """Runs to the end of the next denoising step, or to the end; nothing once it is done.

        What the pipeline raises becomes `error`; raises only where the device itself is lost.
        """
        self._walk.advance()
        if self.error is not None and is_device_lost(self.error):
            raise self.error

    def cancel(self) -> None:
        """Ends the run where it is, and waits until its thread is gone. May be called again."""
        self._walk.stop()

    def preview(self) -> Picture | None:
        """A small RGB picture of what the last step predicts, one pixel a latent pixel.

        None before the first step, and for pipelines with latents of another kind. Never raises.
        """
        return self._walk.preview()


class _Stopped(BaseException):
    """Ends a pipeline from within its step callback, past whatever it handles itself."""


class _Walk:
    """The pipeline's thread, and the two semaphores by which only one side runs at a time."""

    def __init__(self, model: WholeModel, request: ImageRequest) -> None:
        self.step = 0
        self.steps = model.steps(request)
        self.image: Picture | None = None
        self.error: Exception | None = None
        self.done = False
        self._model = model
        self._request = request
        self._watch: Watch | None = None
        self._latents: torch.Tensor | None = None
        self._stage: tuple[Any, int] = (None, 0)
        self._stopping = False
        self._go = threading.Semaphore(0)
        self._paused = threading.Semaphore(0)
        # The main thread may end while a pipeline waits for its next step.
        self._thread = threading.Thread(target=self._run, name=f"run {model.name}", daemon=True)
        model.take()

    # What the engine's thread calls

    def advance(self) -> None:
        if self.done:
            return
        if self._thread.ident is None:
            self._thread.start()
        self._go.release()
        try:
            self._paused.acquire()
        except BaseException:
            # A signal's exception: the step under way is the last one.
            self._stopping = True
            self._go.release()
            raise
        if self.done:
            self._thread.join()

    def stop(self) -> None:
        if self.done:
            return
        self._stopping = True
        if self._thread.ident is None:
            self._end()
            return
        self._go.release()
        # The garbage collector may come by in any thread.
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def preview(self) -> Picture | None:
        preview, watch, latents = self._model.preview, self._watch, self._latents
        if preview is None or watch is None or latents is None:
            return None
        # Whatever a pipeline's latents are, its picture does not fail for want of a preview.
        make_current(self._model.device)
        with suppress(Exception), torch.inference_mode():
            return preview(watch.predicted(latents), self._request.width, self._request.height)
        return None

    # What the pipeline's thread does

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self._stopping:
                self.image = self._develop()
        except _Stopped:
            pass
        except BaseException as error:
            self.error = _let_go(error, self._request)
        self._end()

    def _develop(self) -> Picture:
        model, request = self._model, self._request
        if request.image is not None and not request.strength:
            # The picture itself, which the autoencoder would not give back.
            return request.image
        pipeline: Any = model.variant(request)
        model.bring(pipeline)
        make_current(model.device)
        arguments = model.arguments(request) | model.callbacks(pipeline, self._after_step)
        try:
            with torch.inference_mode(), watched(getattr(pipeline, "scheduler", None)) as watch:
                self._watch = watch
                return _picture(pipeline(**arguments), request)
        except BaseException:
            # A pipeline that ends well does this itself; what it was at stays on the device.
            if model.offload:
                pipeline.maybe_free_model_hooks()
            raise

    def _after_step(self, pipeline: Any, latents: Any) -> None:
        self._count(pipeline)
        self._latents = latents if isinstance(latents, torch.Tensor) else None
        self._paused.release()
        self._go.acquire()
        if self._stopping:
            raise _Stopped

    def _count(self, pipeline: Any) -> None:
        """Counts a step. Some schedulers take more forwards than the steps asked for."""
        self.step += 1
        stage, _ = self._stage
        if stage is not pipeline:
            # A prior's steps come first, and each of both knows its own number.
            self._stage = pipeline, self.step - 1
        _, before = self._stage
        own: Any = getattr(pipeline, "num_timesteps", None)
        last_stage = not self._model.accepts("prior_num_inference_steps") or before > 0
        if last_stage and isinstance(own, int):
            self.steps = before + own
        self.steps = max(self.steps, self.step)

    def _end(self) -> None:
        self._latents = self._watch = None
        self._model.give_back()
        self.done = True
        self._paused.release()


def _picture(output: Any, request: ImageRequest) -> Picture:
    """RGB (height, width, 3) in uint8 of what a pipeline returns, in the size asked for."""
    pixels: np.ndarray[Any, Any] = np.asarray(output[0][0])
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise EngineError(f"The pipeline made something of shape {pixels.shape}, not a picture.")
    if pixels.dtype != np.uint8:
        if not np.isfinite(pixels).all():
            raise NotFinite(
                say(
                    "picture-not-finite",
                    "The picture came out as NaN or infinity; fewer steps, a lower guidance_scale"
                    " or a wider dtype would help.",
                )
            )
        pixels = (pixels * 255).round().astype(np.uint8)
    if pixels.shape[:2] != (request.height, request.width):
        size = (request.width, request.height)
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    return cast(Picture, pixels)


def _let_go(error: BaseException, request: ImageRequest) -> Exception:
    """What the caller is told of `error`, whose frames hold no tensors any more."""
    chained: BaseException | None = error
    while chained is not None:
        traceback.clear_frames(chained.__traceback__)
        chained = chained.__cause__ or chained.__context__
    # The first frame is the thread's own, which still runs.
    error = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
    if not isinstance(error, Exception):
        name = type(error).__name__
        return EngineError(say("pipeline-ended", "The pipeline ended with {error}.", error=name))
    if is_out_of_memory(error):
        release_memory()
    return explained(error, request)
