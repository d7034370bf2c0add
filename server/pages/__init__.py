"""The page for people and the files that it is made of, and pictures in the sizes that it shows.

Knows nothing of who asks, nor of the queue.
"""
