"""How cost grows: with workers, with jobs that wait, with streams, with machines."""
