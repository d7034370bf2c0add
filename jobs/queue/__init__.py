"""A job from submitting to its last word, in Redis: lanes, leases, records, events, quotas."""
