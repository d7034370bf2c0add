"""Which jobs there are and where each stands: pages of a list, the search, places and times."""
