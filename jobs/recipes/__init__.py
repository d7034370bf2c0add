"""How a picture was made, as its file says it and other programs wrote it. Knows no Redis."""
