"""What makes maps of pictures for ControlNets: what a model sees, drawn as they read it."""
