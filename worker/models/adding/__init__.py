"""Models from elsewhere: what a source has, bringing it here, giving it its place. No torch."""
