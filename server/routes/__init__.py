"""One blueprint for each noun. None asks another: what several need stands below."""
