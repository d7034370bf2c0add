"""The networks of a model, each from its files: folders, single files, GGUF, quantized or dropped.

They know nothing of the model that is made of them, nor of the device's room.
"""
