"""How gunicorn runs the API. Knows nothing of what the API does."""
