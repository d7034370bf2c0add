"""A page with a picture of everything that the engine does: `make gallery`."""
