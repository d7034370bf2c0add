"""The `darkroom` command: starts the server, talks to it, and says what is wrong with a machine."""

__version__ = "0.1.0"
