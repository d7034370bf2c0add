"""Qwen-Image and what came after it: a language model reads, an autoencoder of videos draws."""
