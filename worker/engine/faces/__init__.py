"""Faces of finished pictures: found, drawn again by a network that was made for them, laid back."""
