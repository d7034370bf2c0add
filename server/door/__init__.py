"""Who may come in, by what name, how often: all that is decided before a body is read.

Knows devices and settings, nothing of the queue.
"""
