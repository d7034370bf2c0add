"""Our engine and diffusers, each in a process of its own, and what they are compared by."""
