"""A model whose forwards are batched: its parts, and what a picture adds to it. Knows no task."""
