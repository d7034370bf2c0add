"""The models a worker offers: named in models.toml, found on disk, loaded, kept while they fit.

Knows no queue, and of the engine what it is given, not how it runs.
"""
