"""What a user puts together of pictures and settings: albums, favourites, presets, archives."""
