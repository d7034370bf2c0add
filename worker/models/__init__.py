"""The models a worker offers: named in models.toml, found on disk, loaded, kept while they fit."""
