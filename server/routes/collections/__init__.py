"""What users put together: albums, presets, archives of pictures."""
