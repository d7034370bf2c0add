"""The walk from noise to picture: diffusers' schedulers, by name. Knows no model."""
