"""Models in one file: which parts one holds, and what it takes of others to be whole. No torch."""
