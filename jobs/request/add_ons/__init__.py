"""The add-ons that a request names: whether its model has them, and what each may be told."""
