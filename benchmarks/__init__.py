"""Speed, memory and sameness, measured within one run; and a gallery of what comes out."""
