"""What only a card can tell, in three parts of a few minutes each: `sh benchmarks/gpu.sh all`."""
