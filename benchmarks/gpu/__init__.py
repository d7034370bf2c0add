"""What only a card can tell, measured in a few minutes: `sh benchmarks/gpu.sh`."""
