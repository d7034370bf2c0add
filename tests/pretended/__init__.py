"""A pretended accelerator, for machines without one: what would not run on it, and what waits."""
