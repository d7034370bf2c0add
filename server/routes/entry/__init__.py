"""How devices and browsers come in: pairing, tokens that end, sessions."""
