"""A trace as it is kept: one file of tensors that says what they are, and sheets of pictures."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save

from worker.engine.request import Picture
from worker.engine.trace.recording import Step, Trace

DRAWN = ("x", "noise", "x0")


def norm(tensor: torch.Tensor) -> float:
    """The root of the mean square."""
    return round(float(tensor.square().mean().sqrt()), 6)


def about(trace: Trace) -> dict[str, Any]:
    """What the API says of a trace, but for where its files are."""
    largest = max((tuple(each.tensors["x"].shape) for each in trace.steps), default=(0, 0, 0))
    return {
        "size": [int(largest[2]), int(largest[1])],
        "channels": int(largest[0]),
        "words": [{"text": word} for word in trace.words],
        "asked": dict(trace.asked),
        "layers": list(trace.steps[0].layers) if trace.steps else [],
        "left_out": trace.left_out,
        "attention": bool(trace.steps) and trace.steps[0].attention is not None,
        "steps": [
            {
                "step": each.step,
                "timestep": each.timestep,
                "sigma": round(each.sigma, 6),
                "alpha_bar": round(each.alpha_bar, 6),
                "norms": {name: norm(one) for name, one in each.tensors.items()}
                | ({"difference": norm(gap)} if (gap := difference(each)) is not None else {}),
            }
            for each in trace.steps
        ],
    }


def difference(step: Step) -> torch.Tensor | None:
    """What the prompt changes in the predicted noise (C, h, w); None without guidance."""
    if "noise_with" not in step.tensors:
        return None
    return step.tensors["noise_with"] - step.tensors["noise_without"]


def written(trace: Trace, name: str) -> bytes:
    """The file: tensors named `x.0`, `attention.0` and so on, by step, and what they are under
    `name` of its metadata."""
    tensors: dict[str, torch.Tensor] = {}
    for each in trace.steps:
        tensors |= {f"{kind}.{each.step}": one for kind, one in each.tensors.items()}
        if each.attention is not None:
            tensors[f"attention.{each.step}"] = each.attention
        tensors |= {f"attention.{each.step}.{layer}": one for layer, one in each.layers.items()}
    whole = {key: one.contiguous() for key, one in tensors.items()}
    return save(whole, {name: json.dumps(about(trace))})


def tensor_in(data: bytes, name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A tensor of such a file. Raises KeyError."""
    found: Any = load(data)[name].float().numpy()
    return found


def sheets(trace: Trace) -> dict[str, Picture]:
    """The pictures of all steps, a latent pixel a pixel: those of DRAWN, the `difference` that the
    prompt makes, and the `attention` of each word; without those that there is nothing of."""
    steps = trace.steps
    if not steps:
        return {}
    found = {
        name: side_by_side([trace.draw(each.tensors[name][None]) for each in steps])
        for name in DRAWN
    }
    gaps = [gap for each in steps if (gap := difference(each)) is not None]
    if len(gaps) == len(steps):
        lengths = [gap.square().sum(0).sqrt() for gap in gaps]
        found["difference"] = side_by_side([lit(each) for each in lengths])
    planes = [each.attention.float() for each in steps if each.attention is not None]
    if len(planes) == len(steps) and len(planes[0]):
        found["attention"] = _attention(planes)
    return found


def _attention(steps: Sequence[torch.Tensor]) -> Picture:
    """A row a step and a column a word, each plane as light as it is within itself."""
    count = len(steps[0])
    columns = [[lit(planes[word]) for planes in steps] for word in range(count)]
    # As pictures of one height, word by word, each of all steps from top to bottom.
    return np.concatenate([np.concatenate(evened(column)) for column in columns], axis=1)


def side_by_side(pictures: Sequence[Picture]) -> Picture:
    """Pictures in one, each as large as the largest."""
    return np.concatenate(evened(pictures), axis=1)


def evened(pictures: Sequence[Picture]) -> list[Picture]:
    """Each as large as the largest, by the nearest pixel: a second pass has larger latents."""
    height, width = max(each.shape[:2] for each in pictures)
    return [
        each[np.arange(height) * each.shape[0] // height][
            :, np.arange(width) * each.shape[1] // width
        ]
        for each in pictures
    ]


def lit(plane: torch.Tensor) -> Picture:
    """Numbers (h, w) as light: black where they are smallest, white where they are largest."""
    least, most = plane.min(), plane.max()
    levels = ((plane - least) / (most - least).clamp(min=1e-9) * 255).round().to(torch.uint8)
    made: Any = levels[..., None].expand(-1, -1, 3).numpy()
    return np.ascontiguousarray(made)
