"""What may be wrong with a request that its fields alone do not show.

It says so and changes nothing; what is chosen instead is chosen in `resolve`.
"""
