"""What users put together: albums, presets, grids, archives of pictures."""
