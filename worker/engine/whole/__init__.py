"""Pipelines of diffusers that the engine cannot batch, run whole, one of their steps at a time."""
