"""How models are written: safetensors, GGUF, diffusers' layout, and where such files lie.

What model it is that they hold is not known here.
"""
