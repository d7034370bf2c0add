"""What is sent to the URLs that callers name: the outbox, the message, the way out.

Knows nothing of the queue, which writes into the outbox.
"""
