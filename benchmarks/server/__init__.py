"""The server as its callers have it, by HTTP: beside diffusers, under load, killed, traced."""
