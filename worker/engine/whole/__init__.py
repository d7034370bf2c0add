"""Pipelines of diffusers that run whole, one of their steps at a time. Knows no batch."""
