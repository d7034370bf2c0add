"""A job from submitting to its last word, in Redis: the queue, leases, quotas, how it ends."""
