"""Words to embeddings: syntax, windows, text encoders, learned words. Knows no UNet."""
