"""Events from Redis to whoever follows, as server-sent events.

Knows no route and no view: it is given what shows an event.
"""
