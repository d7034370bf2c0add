"""Models in memory: loaded in the background when asked for, and kept while they fit."""
