"""The parts of a model, and what a picture adds to it."""
