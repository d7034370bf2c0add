"""`darkroom up`: starts the processes of one machine, watches them, and stops them."""
