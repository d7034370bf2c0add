"""Between two noises, on the sphere that noise lies on."""

import torch
from torch.nn import functional


def slerp(start: torch.Tensor, end: torch.Tensor, fraction: float) -> torch.Tensor:
    """Between two noises along the sphere (Shoemake 1985), so that it stays noise of variance 1."""
    cosine = functional.cosine_similarity(start.flatten(), end.flatten(), dim=0)
    angle = torch.acos(cosine.clamp(-1, 1))
    if angle.sin().abs() < 1e-4:
        return torch.lerp(start, end, fraction)
    weights = ((1 - fraction) * angle).sin(), (fraction * angle).sin()
    return (weights[0] * start + weights[1] * end) / angle.sin()
