"""What API and workers say to each other of models: how they come, change, go and work."""
