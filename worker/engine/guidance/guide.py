"""Guidance over the rows of a forward: one prediction for each picture."""

from itertools import compress, islice

import torch

from worker.engine.families.model import LoadedModel
from worker.engine.ground.transfer import sent
from worker.engine.guidance.task_rows import TaskRows
from worker.engine.guidance.thresholding import thresholded


def guide(model: LoadedModel, noise: torch.Tensor, rows: TaskRows) -> torch.Tensor:
    """Guidance as the model has it, with each task's own scale: one row a task."""
    guided = rows.guided
    first, behind = rows.first_prompt, rows.first_prompt + len(rows.tasks)
    towards = _together(noise, rows) if rows.more else noise[first:behind]
    perturbed = _perturbed(noise, rows) if rows.more else {}
    if not guided:
        return _away(towards, towards, perturbed, rows)
    towards, unguided = towards[:guided], towards[guided:]
    tasks = rows.tasks[:guided]
    without = noise[first - guided : first]
    scale = _per_row([model.cfg_scale(task.request) for task in tasks], noise)

    def at(scale: torch.Tensor) -> torch.Tensor:
        if rows.beside == 1:
            return model.guide(without, towards, scale)
        kept = _per_row([task.request.image_guidance_scale for task in tasks], noise)
        return model.guide_by_picture(noise[:guided], without, towards, scale, kept)

    result = at(scale)
    asked = [task.request.dynamic_thresholding for task in tasks]
    if any(asked):
        mimics = at(_per_row([each.mimic_scale if each else 1.0 for each in asked], noise))
        result = torch.stack(
            [
                thresholded(mine, mimic, each.percentile) if each else mine
                for mine, mimic, each in zip(result, mimics, asked, strict=True)
            ]
        )
    result = _away(result, noise[first : first + guided], perturbed, rows)
    if any(task.request.guidance_rescale for task in tasks):
        amount = _per_row([task.request.guidance_rescale for task in tasks], noise)
        result = rescale(result, towards, amount)
    if not len(unguided):
        return result
    return torch.cat([result, _away(unguided, unguided, perturbed, rows, guided)])


def _perturbed(noise: torch.Tensor, rows: TaskRows) -> dict[int, torch.Tensor]:
    """The answers of the network that does not look about itself, by the places of their tasks."""
    behind = rows.first_prompt + len(rows.tasks)
    found = enumerate(rows.more, behind)
    return {at: noise[row] for row, at in found if rows.is_perturbed(row)}


def _away(
    predicted: torch.Tensor,
    towards: torch.Tensor,
    perturbed: dict[int, torch.Tensor],
    rows: TaskRows,
    first: int = 0,
) -> torch.Tensor:
    """Predictions of the tasks from `first` on, as much further from the perturbed ones as each
    asks (arXiv 2403.17377, equation 17)."""
    mine = {at - first: row for at, row in perturbed.items() if 0 <= at - first < len(predicted)}
    if not mine:
        return predicted
    moved = predicted.clone()
    for at, row in mine.items():
        moved[at] += rows.tasks[first + at].request.pag_scale * (towards[at] - row)
    return moved


def _together(noise: torch.Tensor, rows: TaskRows) -> torch.Tensor:
    """Where all prompts of each task together point, one row a task."""
    first = rows.first_prompt
    behind = first + len(rows.tasks)
    towards = noise[first:behind].clone()
    for at in dict.fromkeys(rows.more):
        parts = [part for part in rows.tasks[at].conditions if part.speaks]
        if len(parts) < 2:
            continue
        mine = compress(noise[behind:], (place == at for place in rows.more))
        # What speaks comes first.
        each = [towards[at], *islice(mine, len(parts) - 1)]
        shares = [part.share for part in parts if part.share is not None]
        if shares:
            # Each prompt by itself where it counts (arXiv 2302.08113, equation 5).
            said = [share[0] * row for share, row in zip(shares, each, strict=True)]
            towards[at] = torch.stack(said).sum(dim=0)
        else:
            # Each as far from the row without them as it weighs (arXiv 2206.01714, algorithm 1).
            without = noise[first - rows.guided + at]
            said = [part.weight * (row - without) for part, row in zip(parts, each, strict=True)]
            towards[at] = without + torch.stack(said).sum(dim=0)
    return towards


def rescale(guided: torch.Tensor, towards: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
    """Takes the contrast that guidance added back by `amount` (arXiv 2305.08891, section 3.4)."""
    inner = list(range(1, guided.ndim))
    contrast = towards.std(dim=inner, keepdim=True) / guided.std(dim=inner, keepdim=True)
    rescaled = amount * (guided * contrast) + (1 - amount) * guided
    return torch.where(amount > 0, rescaled, guided)


def _per_row(numbers: list[float], like: torch.Tensor) -> torch.Tensor:
    return sent(torch.tensor(numbers), like.device).view(-1, 1, 1, 1)
