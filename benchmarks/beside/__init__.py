"""The whole server beside diffusers as its users run it, by HTTP: ratios within one run."""
