"""What stands at points of a picture."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import torch

from worker.engine.request import Picture
from worker.models.loading.masks.shares import Mask, in_greys

KEPT = 4
"""Pictures of which it is kept what was seen in them: to see takes seconds, and who taps once taps
again."""


SIZES = ("original_sizes", "reshaped_input_sizes")


@dataclass(frozen=True)
class Point:
    """A place in shares of the picture's width and height, which is meant or, where it is not
    positive, is not."""

    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True)
class _Seen:
    """What the model sees in a picture, and the sizes that it was and was read at: heights and
    widths."""

    features: torch.Tensor
    size: Sequence[Sequence[int]]
    read_at: Sequence[Sequence[int]]


class ByPoints:
    """A SAM of transformers."""

    def __init__(self, model: Any, processor: Any) -> None:
        self._model, self._processor = model, processor
        self._kept: OrderedDict[bytes, _Seen] = OrderedDict()
        self._lock = threading.Lock()

    def found(self, picture: Picture, points: Sequence[Point]) -> Mask:
        """How surely each place of a picture (H, W, 3) belongs to what stands at the positive
        points, and not to what stands at the others."""
        seen = self._seen(picture)
        height, width = seen.read_at[0]
        places = [[each.x * width, each.y * height] for each in points]
        with torch.inference_mode():
            found = self._model(
                image_embeddings=seen.features,
                input_points=torch.tensor([[places]], dtype=torch.float32),
                input_labels=torch.tensor([[[int(each.positive) for each in points]]]),
                # One point may mean a part or the whole of what stands there: the surest counts.
                multimask_output=len(points) == 1,
            )
            (masks,) = self._processor.post_process_masks(
                found.pred_masks, seen.size, seen.read_at, binarize=False
            )
            best = int(found.iou_scores[0, 0].argmax())
            return in_greys(masks[0, best])

    def _seen(self, picture: Picture) -> _Seen:
        name = sha256(repr(picture.shape).encode() + picture.tobytes()).digest()
        with self._lock:
            if (seen := self._kept.get(name)) is not None:
                self._kept.move_to_end(name)
                return seen
        read = self._processor(images=picture, return_tensors="pt")
        with torch.inference_mode():
            features = self._model.get_image_embeddings(read["pixel_values"])
        seen = _Seen(features, *(read[each].tolist() for each in SIZES))
        with self._lock:
            self._kept[name] = seen
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return seen
