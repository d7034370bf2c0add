"""Where the network finds this server: the addresses it listens on, the URLs it is reached by.

It asks no Redis.
"""
