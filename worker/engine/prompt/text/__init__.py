"""A prompt as text: its syntax, the tokens it becomes, the windows it is cut into.

No network is known here.
"""
