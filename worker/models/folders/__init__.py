"""Folders of model files: which files are there, and what each one is."""
