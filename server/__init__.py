"""The HTTP API: Flask under gunicorn, any number of replicas, no state of its own, no torch."""
