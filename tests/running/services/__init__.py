"""What the house stands on, as processes of their own: Redis, Sentinels, an S3, TLS before them."""
