"""Where models come from: the hub, Civitai, links, and what is found and told there.

Nothing is written here; what is fetched is brought by `bring`.
"""
