"""Between what a caller sends and what the engine works on: sizes, masks, fills, and back.

`prepare` makes the Canvas of a request; its `compose` makes the picture that the caller gets. Knows
pixels only: no tensors, no queue.
"""

from worker.canvas import shown
from worker.canvas.canvas import Canvas
from worker.canvas.placement import CanvasError
from worker.canvas.prepare import prepare
from worker.canvas.regions import regions_on

__all__ = ["Canvas", "CanvasError", "prepare", "regions_on", "shown"]
