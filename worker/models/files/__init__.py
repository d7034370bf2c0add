"""What lies on this machine and what the files say of themselves. No torch."""
