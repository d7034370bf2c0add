"""Other ways to run a network than PyTorch's own: compiled for this machine, proved against it."""
