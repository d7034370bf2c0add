"""The recipe of the model that ships: how a small latent diffusion model is trained.

Read it in the order in which it runs: `data` (pictures and words), `captions` (words to prompts),
`scenes` (pictures composed of others, with captions of what was done), `autoencoder` (pixels to
latents and back), `diffusion` (noise to latents, told by words), `export` (the diffusers layout),
`words` (the table for what was not taught) and `evaluation` (figures that can fail). `training`
holds what both trainings share. `python -m models.recipe --preset cpu` runs all of it.
"""
