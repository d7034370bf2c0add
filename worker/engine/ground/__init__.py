"""What every part of the engine stands on: copies, notes on disk, padding, work in pieces.

It knows nothing of pictures, models or who asked.
"""
