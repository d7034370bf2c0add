"""Models as a noun: which there are, where each is, how they come, change and go."""
