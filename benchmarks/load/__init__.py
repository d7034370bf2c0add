"""The same requests, in the same order, at several kinds of server: how long each waits."""
