"""What a user puts together: albums, favourites, presets, grids, archives of pictures."""
