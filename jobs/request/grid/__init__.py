"""Grids: one request in many variants, of which each is a job and all are a sheet with labels."""
