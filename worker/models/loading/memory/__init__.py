"""How much memory a device has and a model takes, before loading and after.

Nothing is loaded here.
"""
