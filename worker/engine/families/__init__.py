"""Families of models: one file for each, the only place that knows what its networks take."""
