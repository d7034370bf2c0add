"""IP-Adapters and the image encoders that read for them, by their tensors' names and shapes."""
