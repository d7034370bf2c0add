"""The loop of a worker: takes jobs, keeps their leases, steps the engine, settles what ends.

Knows the engine by its interface, nothing of tensors.
"""
