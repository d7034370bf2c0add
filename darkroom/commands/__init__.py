"""The commands of `darkroom`, a file or a folder each."""
