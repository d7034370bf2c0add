"""What may be asked for and what it means: fields, limits, names. Knows no Redis."""
