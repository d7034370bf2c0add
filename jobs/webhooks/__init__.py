"""What is sent to the URLs that callers name: the outbox, the message, the way out."""
