"""What a single file leaves out: the configuration that its shapes say, and CLIP's vocabulary."""
