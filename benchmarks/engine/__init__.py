"""The engine in this process, without queue and store: speed, memory, previews, sameness."""
