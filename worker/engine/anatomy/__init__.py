"""What a model does, for people to see: its words, noise and autoencoder, each by itself."""
