"""From the bytes of a request to a job in the queue: bodies, uploads, validation, submission.

Knows who asks, and nothing of routes, streams or what is shown of a job.
"""
