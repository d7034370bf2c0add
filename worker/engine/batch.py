"""A batch is a throw-away view: tasks gathered into tensors for one forward, then forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from .model import LoadedModel
from .task import BatchKey, Prediction, Stage, Task, ready


@dataclass(frozen=True)
class Rows:
    """The UNet's inputs, one row each: latents (n, C, h, w), timesteps (n,), text (n, L, D).

    The rows without a prompt (the negative ones of guided tasks) come first, in the order of
    `tasks`, which has the guided ones first; then one row a task with its prompt.
    """

    tasks: list[Task]
    latents: torch.Tensor
    timesteps: torch.Tensor
    text: torch.Tensor

    def __len__(self) -> int:
        return len(self.timesteps)

    def owner(self, row: int) -> Task:
        return self.tasks[row if row < self.guided else row - self.guided]

    @property
    def guided(self) -> int:
        return len(self) - len(self.tasks)


@dataclass(frozen=True)
class Batch:
    """Tasks that take the same kind of step together: one encode, one denoise, one decode."""

    stage: Stage
    tasks: list[Task]

    @property
    def model(self) -> LoadedModel:
        return ready(self.tasks[0].model)

    @property
    def key(self) -> BatchKey:
        return ready(self.tasks[0].key)

    def gather(self) -> Rows | None:
        """One UNet batch of all tasks; a task whose sampler raises fails and is left out."""
        model = self.model
        tasks: list[Task] = []
        scaled: list[torch.Tensor] = []
        for task in sorted(self.tasks, key=lambda task: not task.request.guided):
            try:
                scaled.append(ready(task.sampler).scale(ready(task.latents)))
                tasks.append(task)
            except Exception as error:
                task.fail(error)
        if not tasks:
            return None
        texts = [ready(task.conditioning) for task in tasks]
        negatives = [text.negative for text in texts if text.negative is not None]
        guided = len(negatives)
        timesteps = [ready(task.sampler).timestep for task in tasks]
        return Rows(
            tasks=tasks,
            latents=torch.cat(scaled[:guided] + scaled).to(model.dtype),
            timesteps=to_device(timesteps[:guided] + timesteps, model.device),
            text=torch.cat(negatives + [text.prompt for text in texts]).to(model.dtype),
        )

    def scatter(self, rows: Rows, noise: torch.Tensor, failed: Mapping[int, Exception]) -> None:
        """Gives each task its predicted noise, guided, and lets its sampler take the step.

        `failed` names the rows without a prediction: their tasks fail, the others go on.
        """
        for row, error in failed.items():
            rows.owner(row).fail(error)
        predicted = guide(noise.float(), rows)
        for index, task in enumerate(rows.tasks):
            if task.stage is not Stage.DENOISE:
                continue
            here = slice(index, index + 1)
            scaled = rows.latents[rows.guided + index : rows.guided + index + 1].float()
            timestep = ready(task.sampler).timestep
            try:
                task.advance(Prediction(scaled, predicted[here], timestep))
            except Exception as error:
                task.fail(error)


def guide(noise: torch.Tensor, rows: Rows) -> torch.Tensor:
    """Classifier-free guidance (arXiv 2207.12598), with each task's own scale: one row a task."""
    guided = rows.guided
    if not guided:
        return noise
    scales = [task.request.guidance_scale for task in rows.tasks[:guided]]
    scale = to_device(scales, noise.device).view(-1, 1, 1, 1)
    without, towards = noise[:guided], noise[guided : 2 * guided]
    return torch.cat([without + scale * (towards - without), noise[2 * guided :]])


def to_device(numbers: list[float], device: torch.device) -> torch.Tensor:
    """`numbers` in fp32, copied without waiting for what the device is doing."""
    return torch.tensor(numbers).to(device, non_blocking=True)
