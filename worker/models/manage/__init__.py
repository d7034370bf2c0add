"""Changes to what is there: add, remove, fetch. No torch."""
