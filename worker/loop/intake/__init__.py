"""How jobs come in: whose turn it is, who has room, who runs alone, what they start from."""
