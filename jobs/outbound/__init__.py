"""Requests that this server sends for its callers: to addresses that were checked, no others."""
