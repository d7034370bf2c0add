"""From a network's answers to all rows of a picture to one: guidance, prompts side by side."""
