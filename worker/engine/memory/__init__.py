"""How many rows fit a device: measured, bounded, remembered. Knows no model."""
