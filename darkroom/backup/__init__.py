"""`darkroom backup` and `restore`: all jobs and pictures in one file or folder, and back again."""
