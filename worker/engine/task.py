"""A task is one image on its way: its request, its latents, its own sampler and generator."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import TypeVar

import torch

from grammar.script import Script
from worker.engine.added import AdapterInput, AddOns, ControlInput, ReferenceInput
from worker.engine.errors import InvalidRequest
from worker.engine.faces.restorer import Restoration
from worker.engine.families.model import LoadedModel, Text
from worker.engine.ground.beside import Beside
from worker.engine.ground.piecework import Piecework
from worker.engine.ground.sideline import Aside
from worker.engine.memory.device import make_current
from worker.engine.memory.footprint import ForwardShape
from worker.engine.parts.autoencoder import Autoencoder
from worker.engine.parts.condition import Condition
from worker.engine.parts.lora import unread
from worker.engine.parts.rows import Pair
from worker.engine.references.reference_only import OwnReference
from worker.engine.request import (
    ImageRequest,
    Lora,
    Picture,
    Tiling,
    check_multiple,
)
from worker.engine.sampling.answers import Answers, Prediction, Repaint, renoised
from worker.engine.sampling.sampler import Sampler
from worker.engine.sampling.steps import Stack
from worker.engine.trace.recording import Recording
from worker.engine.whole.pipeline import WholeModel
from worker.engine.whole.run import WholeRun

T = TypeVar("T")

LARGE = 512 * 512
"""Pixels past which encode and decode are long on a processor, and are done in pieces."""


class Stage(IntEnum):
    """What a task needs next."""

    MODEL = 0
    ENCODE = 1
    DENOISE = 2
    ENLARGE = 3
    DECODE = 4
    WHOLE = 5
    RESTORE = 6
    DONE = 7


@dataclass(frozen=True)
class BatchKey:
    """Tasks with equal keys may share a forward: same weights, same tensor shapes.

    `inputs` names the conditions with the shape of a row. What steers a picture, LoRAs of a UNet,
    and edges that meet, are each row's own, but where all must be `exact`: there `controls` names
    the ControlNets. `loras` are those of a whole forward.
    Whether something beside the plain network has a part in it (`steered`) keeps nobody apart by
    itself: what it costs to be together decides.
    """

    model: str
    height: int
    width: int
    inputs: tuple[tuple[str, tuple[int, ...]], ...] = ()
    loras: tuple[Lora, ...] = ()
    controls: tuple[str, ...] = ()
    exact: bool = False
    tiling: Tiling = "none"
    steered: bool = field(default=False, compare=False)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        # It is looked up by several times a step.
        return hash((self.model, self.height, self.width, self.inputs, self.loras, self.exact))

    @property
    def shape(self) -> ForwardShape:
        """What a forward's memory depends on, and the number of rows that is best."""
        return self._shapes[0]

    @property
    def timed(self) -> ForwardShape:
        """What its time depends on: where LoRAs are all rows', and where it must be exact, no
        compiled network stands in."""
        return self._shapes[1]

    @cached_property
    def _shapes(self) -> tuple[ForwardShape, ForwardShape]:
        shape = ForwardShape(self.model, self.height, self.width, self.inputs, self.steered)
        return shape, replace(shape, plain=self.exact or bool(self.loras))


@dataclass(eq=False)
class Task:
    """The only lasting state of an image. Batches are made from tasks and thrown away.

    `had` are the device seconds spent on it, divided by its `weight`, as its caller's share counts
    them; a task that comes later begins where its caller's others are.
    """

    id: str
    request: ImageRequest
    deadline: float | None = None
    caller: str = ""
    weight: float = 1.0
    stage: Stage = Stage.MODEL
    canceled: bool = False
    had: float = 0.0
    stage_seconds: float = 0.0
    enlarge_seconds: float = 0.0
    last_advanced: int = 0
    piecework: Piecework | None = None
    beside: Beside[Picture] | None = None
    aside: Aside | None = None
    model: LoadedModel | None = None
    whole: WholeModel | None = None
    run: WholeRun | None = None
    add_ons: AddOns = field(default_factory=AddOns)
    text: Text | None = None
    generator: torch.Generator = field(default_factory=torch.Generator)
    sampler: Sampler | None = None
    stack: Stack | None = None
    row: int = 0
    script: Script | None = None
    variant: Hashable = ()
    conditions: tuple[Condition, ...] = ()
    turns: Sequence[tuple[Condition, ...]] = ()
    controls: tuple[ControlInput, ...] = ()
    adapters: tuple[AdapterInput, ...] = ()
    references: tuple[ReferenceInput, ...] = ()
    reference: OwnReference | None = None
    repaint: Repaint | None = None
    enlarged: bool = False
    steps_before: int = 0
    steps_to_come: int = 0
    answered: tuple[Answers, int, float] | None = None
    recording: Recording | None = None
    key: BatchKey | None = None
    restoring: Restoration | None = None
    image: Picture | None = None
    error: Exception | None = None

    @property
    def latents(self) -> torch.Tensor | None:
        """(1, C, h, w), in the row of the stack that has them; whoever puts others there begins
        anew, with nothing remembered of earlier steps."""
        return None if self.stack is None else self.stack.latents(self.row)

    @latents.setter
    def latents(self, latents: torch.Tensor | None) -> None:
        self.stack = None if latents is None else Stack(latents[:, None])
        self.row = 0

    @cached_property
    def guided(self) -> bool:
        """Whether a step takes a second row, without the prompt: the same in each of its passes."""
        return ready(self.model).guided(self.request)

    @property
    def rows(self) -> int:
        """Rows of a forward that one step of this task takes."""
        beside = ready(self.model).guided_rows - 1 if self.guided else 0
        return beside + (len(self.conditions) or 1)

    @cached_property
    def steered(self) -> bool:
        """Whether its rows are more than calls of the plain network."""
        asked = self.request
        acting = asked.tiling != "none" or asked.freeu is not None or asked.pag_scale > 0
        hung = asked.loras and ready(self.model).loras_by_row
        shown = self.controls or self.adapters or self.references or self.reference
        return bool(acting or hung or shown)

    @property
    def autoencoder(self) -> Autoencoder:
        """What decodes its picture."""
        return ready(self.model).autoencoder.seamless(self.request.tiling)

    @property
    def inputs(self) -> dict[str, Pair]:
        """Of the forward to come: the first prompt's, and the negative one's.

        It is another object for other words: whoever keeps rows for the next step looks at that.
        """
        return self.conditions[0].inputs if self.conditions else {}

    def begin(
        self,
        width: int,
        height: int,
        steps: int,
        strength: float = 1.0,
        *,
        noise: torch.Tensor,
        original: torch.Tensor | None = None,
    ) -> None:
        """Lays out the walk of one pass: fills `sampler`, `latents` and `stage`.

        From pure noise, or from `original` latents with noise added in closed form at the step
        where `strength` has the walk begin.
        """
        request, model = self.request, ready(self.model)
        for side, pixels in (("width", width), ("height", height)):
            check_multiple(side, pixels, model.factor)
        self.sampler = model.sampler(request, width, height, steps, strength)
        self.answered = None
        self.steps_to_come = 0
        if request.enlarge is not None and not self.enlarged:
            to = request.enlarge
            try:
                second = model.sampler(request, to.width, to.height, to.steps, to.strength)
            except InvalidRequest as error:
                raise InvalidRequest(f"hires: {error}") from error
            self.steps_to_come = len(second)
        if self.sampler.done:
            self.latents = original
        else:
            self.latents = self.sampler.begin(noise, original)
        self.stage = self.after_steps if self.sampler.done else Stage.DENOISE

    def fix_key(self, width: int, height: int) -> None:
        """Says who may share this task's forwards, once its conditions are there: whatever words
        come later have the shapes of these."""
        model = ready(self.model)
        self.__dict__.pop("steered", None)  # what was asked before its conditions were there
        by_row = model.loras_by_row and not self.request.exact
        key = BatchKey(
            model=model.name,
            height=height // model.factor,
            width=width // model.factor,
            inputs=tuple((name, tuple(pair.prompt.shape)) for name, pair in self.inputs.items()),
            loras=() if by_row else unread(self.request.loras),
            controls=tuple(each.label for each in self.controls) if self.request.exact else (),
            exact=self.request.exact,
            tiling=self.request.tiling if self.request.exact else "none",
            steered=self.steered,
        )
        self.key = _one_for_all(key, key.steered)

    def advance(self, answers: Answers, row: int) -> None:
        """Goes on from the step that its row of the stack has taken by these answers."""
        sampler = ready(self.sampler)
        self.answered = answers, row, sampler.timestep
        sampler.index += 1
        if self.repaint is not None or self.request.cfg_plus_plus:
            self._amend(sampler, answers.to(row, self.answered[2]))
        if sampler.done:
            self.stage = self.after_steps
        elif self.turns:
            self.conditions = self.turns[sampler.index]

    def _amend(self, sampler: Sampler, last: Prediction) -> None:
        """Puts into its latents what no sampler does."""
        stack = ready(self.stack)
        latents = stack.latents(self.row)
        if self.request.cfg_plus_plus:
            latents = latents + renoised(sampler, last)
        if self.repaint is not None:
            latents = self.repaint.held(latents, sampler)
        stack.latents(self.row).copy_(latents)

    @property
    def after_steps(self) -> Stage:
        """What follows the last step of this pass."""
        again = self.request.enlarge is not None and not self.enlarged
        return Stage.ENLARGE if again else Stage.DECODE

    @property
    def is_long(self) -> bool:
        """Whether encode and decode of its picture keep others waiting who come meanwhile."""
        sizes = [self.request.width * self.request.height]
        if self.request.enlarge is not None:
            sizes.append(self.request.enlarge.width * self.request.enlarge.height)
        model = ready(self.model)
        for picture in self.request.references:
            width, height = model.shown_size(picture.shape[1], picture.shape[0])
            sizes.append(width * height)
        return model.device.type == "cpu" and max(sizes) > LARGE

    @property
    def progress(self) -> tuple[int, int]:
        """Forwards done, and how many there will be."""
        if self.run is not None:
            return self.run.step, self.run.steps
        if self.sampler is None:
            return 0, self.request.steps
        done = self.steps_before + self.sampler.index
        return done, self.steps_before + len(self.sampler) + self.steps_to_come

    @property
    def traced(self) -> bool:
        """Whether the step to come is to be kept."""
        return self.recording is not None and self.recording.wants(self.progress[0])

    def finish(self, image: Picture) -> None:
        """The picture is made; its faces may be left to be restored."""
        restorer, wanted = self.add_ons.face_restorer, self.request.restore_faces
        if restorer is not None and wanted is not None:
            self.restoring = Restoration(restorer, image, wanted.strength)
            self.stage = Stage.RESTORE
        else:
            self.image, self.stage = image, Stage.DONE

    def restore(self) -> None:
        """Restores the next of its faces, and ends with the last."""
        restoring = ready(self.restoring)
        if restoring.advance():
            self.image, self.stage = restoring.picture, Stage.DONE

    def fail(self, error: Exception) -> None:
        self.error = error
        self.stage = Stage.DONE

    def leave(self) -> None:
        """Ends what the task has under way outside itself. What was kept of the steps of a finished
        picture goes on with it."""
        if self.recording is not None and (self.canceled or self.image is None):
            self.recording.close()
        if self.run is not None:
            self.run.cancel()
        if self.piecework is not None:
            self.piecework.stop()

    def preview(self) -> Picture | None:
        """RGB of what the last forward predicts; None before it."""
        if self.run is not None:
            return self.run.preview()
        answered, model, sampler = self.answered, self.model, self.sampler
        if answered is None or model is None or sampler is None:
            return None
        answers, row, timestep = answered
        # Previews are asked for from other threads than the engine's.
        make_current(model.device)
        last = answers.to(row, timestep)
        return model.preview(sampler.denoised(last.scaled, last.noise, last.timestep))


@lru_cache(256)
def _one_for_all(key: BatchKey, steered: bool) -> BatchKey:
    """The key, one object for all tasks that are alike: they are compared several times a step."""
    return key


def ready(part: T | None) -> T:
    """`part`, which an earlier stage has filled."""
    if part is None:
        raise RuntimeError("A stage ran before the one that fills what it needs.")
    return part
