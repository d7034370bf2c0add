"""From the bytes of a request to a job in the queue: bodies, uploads, validation, submission."""
