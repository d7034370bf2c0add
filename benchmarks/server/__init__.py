"""The server as its callers have it, by HTTP: under load, killed, traced."""
