"""The commands of `darkroom`, one file each."""
