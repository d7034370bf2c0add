"""What the server is and how it stands: its health, its figures, its description."""
