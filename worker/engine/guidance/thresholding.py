"""Dynamic thresholding (arXiv 2205.11487, section 2.3) of what guidance predicts, channel by
channel, as mcmonkey's extension has it: the range of a lower scale with the picture of a higher."""

import torch


def thresholded(guided: torch.Tensor, mimic: torch.Tensor, percentile: float) -> torch.Tensor:
    """One prediction (C, h, w) at its own scale, brought to the range that `mimic`, that at a lower
    scale, has about its mean. Its own range is that of the `percentile` (0 to 1) of its places, and
    what lies beyond is cut off."""
    flat, like = guided.flatten(1), mimic.flatten(1)
    mean = flat.mean(dim=1, keepdim=True)
    centred = flat - mean
    wanted = (like - like.mean(dim=1, keepdim=True)).abs().amax(dim=1, keepdim=True)
    own = torch.quantile(centred.abs(), percentile, dim=1, keepdim=True)
    most = torch.maximum(wanted, own)
    cut = torch.minimum(torch.maximum(centred, -most), most)
    return (cut / most.clamp(min=1e-12) * wanted + mean).view_as(guided)
