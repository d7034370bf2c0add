"""What finds of a picture what is meant: by words, or by points on it."""
