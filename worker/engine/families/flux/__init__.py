"""Flux and what was made of it or after it: Flux.1, Chroma, Flux.2, none knowing another."""
