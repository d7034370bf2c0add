"""What comes of jobs: how far they are, finished pictures, the last word, what each caller had."""
