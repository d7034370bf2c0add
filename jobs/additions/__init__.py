"""Models that come, change and go at an admin's word: what API and workers say to each other."""
