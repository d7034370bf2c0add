"""Walks: jobs of which each picture goes a little further than the one before."""
