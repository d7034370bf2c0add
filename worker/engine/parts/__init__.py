"""What models of every family are made of: rows, autoencoder, and what a picture adds to them."""
