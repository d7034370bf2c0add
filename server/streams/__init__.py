"""Events from Redis to whoever follows, as server-sent events. Knows no route."""
