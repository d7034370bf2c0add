"""The recipe of the model that ships: how a small latent diffusion model is trained.

Read it in the order in which it runs: `data` (pictures and words), `captions` (words to prompts),
`autoencoder` (pixels to latents and back), `diffusion` (noise to latents, told by words),
`export` (the diffusers layout) and `evaluation` (figures that can fail). `training` holds what
both trainings share. `python -m models.recipe --preset cpu` runs all of it.
"""
