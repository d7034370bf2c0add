"""The fields of a request, one by one and in parts: types, limits, what is said of each.

They know no model and no request as a whole.
"""
